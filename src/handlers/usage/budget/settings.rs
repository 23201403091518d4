use super::{
    key::KeyRule,
    open_run::{OpenRun, RunLimit},
    refusal::Refusal,
    reserve::ReserveRule,
    spending::{BudgetLimit, Spending, Unit},
};
use crate::{
    event::LlmStart,
    handlers::usage::{Amount, ModelPrice, PriceTable, window::Windows},
    run::Run,
};

/// The settings of a [`BudgetGuard`](super::BudgetGuard).
#[derive(Debug, Clone)]
pub(super) struct BudgetSettings {
    pub(super) limit: BudgetLimit,
    pub(super) prices: Option<PriceTable>,
    pub(super) key: KeyRule,
    pub(super) windows: Option<Windows>,
    pub(super) reserve: ReserveRule,
    pub(super) max_run_tokens: Option<u64>,
    pub(super) max_run_cost: Option<Amount>,
    pub(super) abort_running: bool,
    pub(super) allow_unpriced: bool,
    pub(super) max_keys: usize,
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

    pub(super) fn watches_tokens(&self) -> bool {
        self.first_token() < u64::MAX
    }

    /// Returns the first token of a run that can exceed a limit, whatever the model. Earlier tokens are skipped.
    pub(super) fn first_token(&self) -> u64 {
        if self.abort_running && self.limit.is_some() {
            return 0;
        }
        let highest = self.prices.as_ref().map_or(0, PriceTable::highest_output);
        self.run_limit(&ModelPrice::new(0, highest)).tokens
    }

    /// Returns the limit of a run whose cost is not limited.
    fn run_token_limit(&self) -> RunLimit {
        RunLimit { tokens: self.max_run_tokens.unwrap_or(u64::MAX), by: Unit::Tokens }
    }

    /// Returns the limit of a run at a price.
    pub(super) fn run_limit(&self, price: &ModelPrice) -> RunLimit {
        let limit = self.run_token_limit();
        let affordable =
            self.max_run_cost.and_then(|cost| cost.pico().checked_div(price.output.into()));
        match affordable.and_then(|tokens| u64::try_from(tokens).ok()) {
            Some(tokens) if tokens < limit.tokens => RunLimit { tokens, by: Unit::Money },
            _ => limit,
        }
    }

    /// Returns a run with its reservation and limit, to be admitted. Calls user code.
    pub(super) fn open_run(&self, run: &Run, start: &LlmStart) -> Result<OpenRun, Refusal> {
        let model = start.model.as_deref();
        let price = self.prices.as_ref().and_then(|prices| prices.of_either(model, None)).copied();
        if price.is_none() && self.needs_prices() && !self.allow_unpriced {
            return Err(Refusal::Unpriced);
        }
        let tokens = self.reserve.tokens(run, start);
        let cost = price.map_or(Amount::ZERO, |price| price.of_output(tokens));
        Ok(OpenRun {
            balance: None,
            reserved: self.limit.only(Spending { tokens: tokens.into(), cost }),
            price,
            model: start.model.clone(),
            limit: price.map_or_else(|| self.run_token_limit(), |price| self.run_limit(&price)),
            run: self.abort_running.then(|| run.clone()),
        })
    }
}
