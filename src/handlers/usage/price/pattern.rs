use std::cmp::Reverse;

use super::ModelPrice;

/// A pattern of model names, with one wildcard.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    before: String,
    after: String,
    pub(super) price: ModelPrice,
}

impl Pattern {
    pub(super) fn new(before: &str, after: &str, price: ModelPrice) -> Self {
        Self { before: before.to_owned(), after: after.to_owned(), price }
    }

    pub(super) fn matches(&self, model: &str) -> bool {
        model.strip_prefix(self.before.as_str()).is_some_and(|rest| rest.ends_with(&self.after))
    }

    /// Returns the sort key: longer patterns are tried first. Two patterns that match the same model never compare as
    /// equal.
    pub(super) fn order(&self) -> impl Ord + use<> {
        Reverse((self.before.len() + self.after.len(), self.before.len()))
    }
}
