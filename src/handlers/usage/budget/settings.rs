use std::{fmt, sync::Arc};

use super::{
    key::KeyRule,
    open_run::{OpenRun, RunLimit},
    refusal::Refusal,
    reserve::ReserveRule,
    spending::{BudgetLimit, Spending, Unit},
};
use crate::{
    estimate::{RunningEstimate, UsageEstimator, WordEstimator},
    event::{Amount, LlmStart, PriceSource, PricedCall, Rates, Usage},
    handler::EventMask,
    handlers::usage::{Prices, window::Windows},
    run::Run,
};

/// The settings of a [`BudgetGuard`](super::BudgetGuard).
#[derive(Clone)]
pub(super) struct BudgetSettings {
    pub(super) limit: BudgetLimit,
    pub(super) prices: Option<BudgetPrices>,
    pub(super) key: KeyRule,
    pub(super) windows: Option<Windows>,
    pub(super) reserve: ReserveRule,
    pub(super) estimator: Arc<dyn UsageEstimator>,
    pub(super) max_run_tokens: Option<u64>,
    pub(super) max_run_cost: Option<Amount>,
    pub(super) abort_running: bool,
    pub(super) allow_unpriced: bool,
    pub(super) max_keys: usize,
}

/// The prices of a budget, and the currency in which it is kept.
#[derive(Debug, Clone)]
pub(super) struct BudgetPrices {
    pub(super) prices: Prices,
    pub(super) currency: Arc<str>,
}

impl BudgetSettings {
    /// Whether what was spent under other settings can be compared: it is of windows of the same length, and in the same
    /// currency.
    pub(super) fn counts_as(&self, other: &Self) -> bool {
        let length = |it: &Self| it.windows.map(|windows| (windows.length, windows.aligned));
        let currency = |it: &Self| it.prices.as_ref().map(|prices| Arc::clone(&prices.currency));
        length(self) == length(other) && currency(self) == currency(other)
    }

    pub(super) fn new() -> Self {
        Self {
            limit: BudgetLimit::default(),
            prices: None,
            key: KeyRule::default(),
            windows: None,
            reserve: ReserveRule::default(),
            estimator: Arc::new(WordEstimator::new()),
            max_run_tokens: None,
            max_run_cost: None,
            abort_running: false,
            allow_unpriced: false,
            max_keys: 10_000,
        }
    }

    /// Returns whether money is limited, which requires a price.
    pub(super) fn needs_prices(&self) -> bool {
        self.limit.money.is_some() || self.max_run_cost.is_some()
    }

    /// Whether tokens draw on a budget, or can make a run exceed a limit.
    fn watches_tokens(&self) -> bool {
        self.limit.is_some() || self.max_run_tokens.is_some() || self.max_run_cost.is_some()
    }

    /// Returns the events that a guard needs.
    pub(super) fn event_mask(&self) -> EventMask {
        let all = EventMask::MODELS;
        if self.watches_tokens() { all } else { all - EventMask::LLM_NEW_TOKEN }
    }

    /// Returns the limit of a run whose cost is not limited.
    fn run_token_limit(&self) -> RunLimit {
        RunLimit { tokens: self.max_run_tokens.unwrap_or(u64::MAX), by: Unit::Tokens }
    }

    /// Returns the limit of a run at a price, after its input.
    fn run_limit(&self, rates: &Rates, input: u64) -> RunLimit {
        let limit = self.run_token_limit();
        let affordable = self
            .max_run_cost
            .and_then(|cost| rates.affordable_output(cost.minus(rates.of_input(input))));
        match affordable {
            Some(tokens) if tokens < limit.tokens => RunLimit { tokens, by: Unit::Money },
            _ => limit,
        }
    }

    /// Returns a run with its reservation and limit, to be admitted. Calls user code.
    pub(super) fn open_run(&self, run: &Run, start: &LlmStart) -> Result<OpenRun, Refusal> {
        // Counted in full, however little of the request handlers get.
        let uncut = start.uncut();
        let whole = uncut.as_deref().unwrap_or(start);
        let estimate = self.estimator.input(whole);
        let input = estimate.map_or(0, |estimate| estimate.tokens);
        let rates = self.prices.as_ref().and_then(|it| it.rates(run, whole, input));
        if rates.is_none() && self.needs_prices() && !self.allow_unpriced {
            return Err(Refusal::Unpriced);
        }
        let (input_reserved, output) = self.reserve.tokens(run, start, whole, input);
        let cost = rates.as_ref().map_or(Amount::ZERO, |rates| {
            rates.of_input(input_reserved).plus(rates.of_output(output))
        });
        let tokens = u128::from(input_reserved) + u128::from(output);
        let limit = match &rates {
            Some(rates) => self.run_limit(rates, input),
            None => self.run_token_limit(),
        };
        Ok(OpenRun {
            balance: None,
            reserved: self.limit.only(Spending { tokens, cost }),
            rates,
            input,
            answer: RunningEstimate::new(start.model.as_deref()),
            limit,
            run: self.abort_running.then(|| run.clone()),
        })
    }
}

impl BudgetPrices {
    /// Returns the rates of a call that starts, at the service tier that it requests and for so many input tokens.
    fn rates(&self, run: &Run, start: &LlmStart, input: u64) -> Option<Rates> {
        let tier = start.params.get("service_tier").and_then(|tier| tier.as_str());
        let mut usage = Usage::new(input, None);
        usage.service_tier = tier.map(Into::into);
        let rates = self.prices.rates(&PricedCall::starting(start, &usage, run.start_time()));
        rates.filter(|rates| rates.currency == self.currency)
    }
}

impl fmt::Debug for BudgetSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BudgetSettings")
            .field("limit", &self.limit)
            .field("prices", &self.prices)
            .field("key", &self.key)
            .field("windows", &self.windows)
            .field("reserve", &self.reserve)
            .field("max_run_tokens", &self.max_run_tokens)
            .field("max_run_cost", &self.max_run_cost)
            .field("abort_running", &self.abort_running)
            .finish_non_exhaustive()
    }
}
