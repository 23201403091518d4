use std::hash::{DefaultHasher, Hash, Hasher};

/// The hash of a word that is only compared, so that long words use no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WordHash(u64);

impl WordHash {
    pub(super) fn new(word: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        word.hash(&mut hasher);
        Self(hasher.finish())
    }
}
