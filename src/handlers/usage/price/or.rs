use std::sync::Arc;

use crate::event::{Price, PriceSource, PricedCall, Rates};

/// A source of prices, with another for the models that it has no price for.
#[derive(Debug)]
pub(super) struct Or(pub(super) Arc<dyn PriceSource>, pub(super) Arc<dyn PriceSource>);

impl PriceSource for Or {
    fn currency(&self) -> Arc<str> {
        self.0.currency()
    }

    fn price_of(&self, call: &PricedCall<'_>) -> Option<Price> {
        self.0.price_of(call).or_else(|| self.1.price_of(call))
    }

    fn rates(&self, call: &PricedCall<'_>) -> Option<Rates> {
        self.0.rates(call).or_else(|| self.1.rates(call))
    }
}
