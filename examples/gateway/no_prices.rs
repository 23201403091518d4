use std::sync::Arc;

use tower_llm_callbacks::event::{Price, PriceSource, PricedCall};

/// In place of prices that settings no longer have.
#[derive(Debug)]
pub(crate) struct NoPrices {
    pub(crate) currency: Arc<str>,
}

impl PriceSource for NoPrices {
    fn currency(&self) -> Arc<str> {
        Arc::clone(&self.currency)
    }

    fn price_of(&self, _: &PricedCall<'_>) -> Option<Price> {
        None
    }
}
