use std::cmp::Reverse;

use super::ModelPrice;

/// Names of models with any text at one place.
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

    /// The more it says, the earlier it is looked at. No two that match the same model say as much.
    pub(super) fn order(&self) -> impl Ord + use<> {
        Reverse((self.before.len() + self.after.len(), self.before.len()))
    }
}
