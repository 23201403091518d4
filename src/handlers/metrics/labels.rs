use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use metrics::SharedString;

use crate::sync::lock;

/// A longer word is none that somebody chose.
const LONGEST: usize = 128;

/// The values of a label that others choose: so many, and beyond that `other`.
#[derive(Debug)]
pub(super) struct Words {
    known: Mutex<HashSet<Arc<str>>>,
    most: usize,
}

impl Words {
    pub(super) fn at_most(words: usize) -> Self {
        Self { known: Mutex::default(), most: words }
    }

    pub(super) fn most(&self) -> usize {
        self.most
    }

    pub(super) fn label(&self, word: &str) -> SharedString {
        if word.len() > LONGEST {
            return SharedString::const_str("other");
        }
        let mut known = lock(&self.known);
        if let Some(word) = known.get(word) {
            return SharedString::from(Arc::clone(word));
        }
        if known.len() >= self.most {
            return SharedString::const_str("other");
        }
        let word: Arc<str> = word.into();
        known.insert(Arc::clone(&word));
        SharedString::from(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_words_and_no_more() {
        let words = Words::at_most(2);
        let label = |word: &str| words.label(word).to_string();
        assert_eq!(["a", "b", "c", "a"].map(label), ["a", "b", "other", "a"]);
        assert_eq!(label(&"x".repeat(LONGEST + 1)), "other");
    }
}
