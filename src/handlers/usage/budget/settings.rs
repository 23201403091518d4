use std::sync::Arc;

use super::{
    key::KeyRule,
    open_run::{OpenRun, RunLimit},
    refusal::Refusal,
    reserve::ReserveRule,
    spending::{BudgetLimit, Spending, Unit},
};
use crate::{
    event::{Amount, LlmStart, PriceSource, Rates, Usage},
    handlers::usage::{Prices, priced::Call, window::Windows},
    run::Run,
};

/// The settings of a [`BudgetGuard`](super::BudgetGuard).
#[derive(Debug, Clone)]
pub(super) struct BudgetSettings {
    pub(super) limit: BudgetLimit,
    pub(super) prices: Option<BudgetPrices>,
    pub(super) key: KeyRule,
    pub(super) windows: Option<Windows>,
    pub(super) reserve: ReserveRule,
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
    pub(super) fn new() -> Self {
        Self {
            limit: BudgetLimit::default(),
            prices: None,
            key: KeyRule::default(),
            windows: None,
            reserve: ReserveRule::default(),
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

    /// Whether a token can make a run exceed a limit.
    pub(super) fn watches_tokens(&self) -> bool {
        self.watches_budget() || self.max_run_tokens.is_some() || self.max_run_cost.is_some()
    }

    /// Whether each token draws on the budget.
    pub(super) fn watches_budget(&self) -> bool {
        self.abort_running && self.limit.is_some()
    }

    /// Returns the limit of a run whose cost is not limited.
    fn run_token_limit(&self) -> RunLimit {
        RunLimit { tokens: self.max_run_tokens.unwrap_or(u64::MAX), by: Unit::Tokens }
    }

    /// Returns the limit of a run at a price.
    fn run_limit(&self, rates: &Rates) -> RunLimit {
        let limit = self.run_token_limit();
        match self.max_run_cost.and_then(|cost| rates.affordable_output(cost)) {
            Some(tokens) if tokens < limit.tokens => RunLimit { tokens, by: Unit::Money },
            _ => limit,
        }
    }

    /// Returns a run with its reservation and limit, to be admitted. Calls user code.
    pub(super) fn open_run(&self, run: &Run, start: &LlmStart) -> Result<OpenRun, Refusal> {
        let call = Call::of(start);
        let rates = self.prices.as_ref().and_then(|it| it.rates(&call, run, start));
        if rates.is_none() && self.needs_prices() && !self.allow_unpriced {
            return Err(Refusal::Unpriced);
        }
        let tokens = self.reserve.tokens(run, start);
        let cost = rates.as_ref().map_or(Amount::ZERO, |rates| rates.of_output(tokens));
        let limit = rates.as_ref().map_or_else(|| self.run_token_limit(), |it| self.run_limit(it));
        Ok(OpenRun {
            balance: None,
            reserved: self.limit.only(Spending { tokens: tokens.into(), cost }),
            rates,
            call,
            limit,
            run: self.abort_running.then(|| run.clone()),
        })
    }
}

impl BudgetPrices {
    /// Returns the rates of a call that starts, at the service tier that it requests.
    fn rates(&self, call: &Call, run: &Run, start: &LlmStart) -> Option<Rates> {
        let tier = start.params.get("service_tier").and_then(|tier| tier.as_str());
        let usage = Usage { service_tier: tier.map(Into::into), ..Usage::default() };
        let rates = self.prices.rates(&call.with(&usage, run));
        rates.filter(|rates| rates.currency == self.currency)
    }
}
