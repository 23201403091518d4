use std::sync::Arc;

use super::Amount;

/// The price of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Price {
    /// The currency.
    pub currency: Arc<str>,
    /// The amount, in units of the currency.
    pub amount: Amount,
    /// Whether the provider itself [reported](super::PricedCall::reported_cost) the amount.
    pub reported: bool,
    /// Whether the source lacks the price of a part of the call, such as its sound or searches, or of its service tier. Then the
    /// amount may be wrong.
    pub estimated: bool,
}

impl Price {
    /// Creates a price.
    pub fn new(currency: impl Into<Arc<str>>, amount: Amount) -> Self {
        Self { currency: currency.into(), amount, reported: false, estimated: false }
    }
}
