use super::{Prices, used::Used};
use crate::{
    event::{Amount, LlmResult, PriceSource, PricedCall},
    run::Run,
};

/// What a run cost, by how its tokens are known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RunCosts {
    pub(super) reported: Amount,
    pub(super) estimated: Amount,
}

impl RunCosts {
    /// Returns what a run cost. `None` if its model has no price in the currency.
    pub(super) fn of(
        prices: &Prices,
        currency: &str,
        run: &Run,
        result: &LlmResult,
        used: &Used,
    ) -> Option<Self> {
        let Some(call) = PricedCall::ended(result, run.start_time()) else {
            return Some(Self::default());
        };
        let price = |call: &PricedCall<'_>| {
            let price = prices.price_of(call).filter(|price| *price.currency == *currency);
            price.map(|price| price.amount)
        };
        let all = price(&call)?;
        let reported = match &used.reported {
            // Most calls are reported in full, and looked up once.
            Some(_) if used.estimated.is_none() => all,
            Some(reported) => price(&call.with_usage(reported))?,
            None => Amount::ZERO,
        };
        Some(Self { reported: reported.min(all), estimated: all.minus(reported) })
    }

    pub(super) fn total(self) -> Amount {
        self.reported.plus(self.estimated)
    }
}
