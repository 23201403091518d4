use std::{
    borrow::Cow,
    collections::HashSet,
    sync::{Arc, Mutex},
};

use serde_json::Value;

use crate::sync::lock;

/// Configured names are shorter. Longer values are arbitrary client input.
const MAX_LENGTH: usize = 128;

/// The bounded set of values of one metric label. Each value is a time series forever, and clients can send any:
/// only the first `max` values are kept.
#[derive(Debug)]
pub(super) struct Labels {
    max: usize,
    seen: Mutex<HashSet<Arc<str>>>,
}

impl Labels {
    pub(super) fn at_most(max: usize) -> Self {
        Self { max, seen: Mutex::default() }
    }

    /// Returns the value if it is in the set or there is room for it.
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

/// Returns a text, number or boolean as text.
pub(super) fn scalar(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string().into()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_beyond_the_bound_are_rejected() {
        let labels = Labels::at_most(2);
        let label = |value: &str| labels.of(value).as_deref().unwrap_or("other").to_owned();
        assert_eq!(["a", "b", "c", "a"].map(label), ["a", "b", "other", "a"]);
        assert_eq!(label(&"x".repeat(MAX_LENGTH + 1)), "other");
    }
}
