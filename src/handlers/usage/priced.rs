use super::{Prices, used::Used};
use crate::{
    event::{Amount, LlmResult, PriceSource, PricedCall, Usage},
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
        let price = |usage: &Usage| {
            let price = match usage == call.usage {
                true => prices.price_of(&call),
                false => prices.price_of(&call.with_usage(usage)),
            };
            price.filter(|price| *price.currency == *currency).map(|price| price.amount)
        };
        let all = price(call.usage)?;
        let reported = match &used.reported {
            Some(reported) => price(reported)?,
            None => Amount::ZERO,
        };
        Some(Self { reported: reported.min(all), estimated: all.minus(reported) })
    }

    pub(super) fn total(self) -> Amount {
        self.reported.plus(self.estimated)
    }
}
