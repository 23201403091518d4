use std::sync::Arc;

use super::{Prices, measured::Measured};
use crate::{
    event::{Amount, LlmRequestInfo, LlmResult, LlmStart, PriceSource, PricedCall, Usage},
    run::Run,
};

/// What the price of a call depends on, as its start says.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) provider: Arc<str>,
    api: Arc<str>,
    pub(super) model: Option<Arc<str>>,
    url: Option<Arc<str>>,
}

impl Call {
    pub(super) fn of(start: &LlmStart) -> Self {
        Self {
            provider: Arc::clone(&start.provider),
            api: Arc::clone(&start.api),
            model: start.model.clone(),
            url: start.absolute_url().map(Into::into),
        }
    }

    /// A call whose start is not known.
    pub(super) fn repeated(request: &LlmRequestInfo) -> Self {
        Self {
            provider: Arc::clone(&request.provider),
            api: Arc::clone(&request.api),
            model: request.model.clone(),
            url: None,
        }
    }

    pub(super) fn with<'a>(&'a self, usage: &'a Usage, run: &Run) -> PricedCall<'a> {
        let mut call = PricedCall::new(&self.provider, self.model.as_deref(), usage);
        (call.api, call.url, call.time) = (&self.api, self.url.as_deref(), run.start_time());
        call
    }

    /// Returns what the call cost. `None` if its model has no price in the currency.
    pub(super) fn cost(
        &self,
        prices: &Prices,
        currency: &str,
        run: &Run,
        result: &LlmResult,
        measured: &Measured,
    ) -> Option<CallCost> {
        let nothing = Usage::default();
        let mut call = self.with(measured.reported.as_ref().unwrap_or(&nothing), run);
        (call.model, call.usage_raw) = (result.model.as_deref(), result.usage_raw.as_ref());
        let mut cost = CallCost::default();
        if measured.reported.is_some() {
            let price = prices.price_of(&call).filter(|price| *price.currency == *currency)?;
            cost.reported = price.amount;
        }
        if measured.counted > 0 {
            let rates = prices.rates(&call).filter(|rates| *rates.currency == *currency)?;
            cost.counted = rates.of_output(measured.counted);
        }
        Some(cost)
    }
}

/// What a call cost, by how its tokens are known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CallCost {
    pub(super) reported: Amount,
    pub(super) counted: Amount,
}
