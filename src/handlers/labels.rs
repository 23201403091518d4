use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use crate::sync::lock;

/// A longer value is none that somebody chose.
const MAX_LENGTH: usize = 128;

/// The values of one label of metrics. Each is a time series for ever, and clients can send any: so the first
/// so many are told apart, and all others are one.
#[derive(Debug)]
pub(super) struct Labels {
    max: usize,
    seen: Mutex<HashSet<Arc<str>>>,
}

impl Labels {
    pub(super) fn at_most(max: usize) -> Self {
        Self { max, seen: Mutex::default() }
    }

    #[cfg(feature = "metrics")]
    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// The value, if it is told apart.
    pub(super) fn of(&self, value: &str) -> Option<Arc<str>> {
        if value.len() > MAX_LENGTH {
            return None;
        }
        let mut seen = lock(&self.seen);
        if let Some(known) = seen.get(value) {
            return Some(Arc::clone(known));
        }
        if seen.len() >= self.max {
            return None;
        }
        let value: Arc<str> = value.into();
        seen.insert(Arc::clone(&value));
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_words_and_no_more() {
        let labels = Labels::at_most(2);
        let label = |word: &str| labels.of(word).as_deref().unwrap_or("other").to_owned();
        assert_eq!(["a", "b", "c", "a"].map(label), ["a", "b", "other", "a"]);
        assert_eq!(label(&"x".repeat(MAX_LENGTH + 1)), "other");
    }
}
