use std::{collections::HashMap, mem, sync::Arc};

use uuid::Uuid;

use super::{
    open_run::{BalanceKey, OpenRun},
    refusal::Refusal,
    settings::{BudgetPrices, BudgetSettings},
    spending::Spending,
};
use crate::{
    event::{Amount, LlmResult, Token},
    handlers::usage::{names::Names, priced::RunCosts, used::Used},
    run::Run,
};

/// The maximum number of open runs. Further runs are refused, since their usage would be lost.
pub(super) const MAX_OPEN: usize = 100_000;

/// The balances of all budgets in the current window, and the open runs.
#[derive(Debug, Default)]
pub(super) struct Balances {
    window: u64,
    pub(super) keys: HashMap<BalanceKey, Balance>,
    pub(super) open: HashMap<Uuid, OpenRun>,
    pub(super) tally: Tally,
}

/// The balance of one budget.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Balance {
    pub(super) spent: Spending,
    pub(super) reserved: Spending,
    pub(super) refused: u64,
    pub(super) aborted: u64,
    /// Whether the running calls were aborted and no run was admitted since.
    stopped: bool,
}

/// The counters of all keys and windows.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) refused: u64,
    pub(super) aborted: u64,
    pub(super) unpriced_runs: u64,
    pub(super) unpriced: Names,
}

impl Tally {
    /// Counts a run that has ended, if it has no price.
    pub(super) fn settled(&mut self, settings: &BudgetSettings, used: &RunUsage, spent: Spending) {
        if settings.prices.is_some() && used.cost.is_none() && spent.tokens > 0 {
            self.unpriced_runs += 1;
            self.unpriced.add(used.model.as_deref());
        }
    }
}

impl Balance {
    pub(super) fn new(spent: Spending, reserved: Spending, refused: u64, aborted: u64) -> Self {
        Self { spent, reserved, refused, aborted, stopped: false }
    }

    pub(super) fn used(&self) -> Spending {
        self.spent.plus(self.reserved)
    }
}

impl Balances {
    /// Makes a window the current one. Returns the balances of the previous one, to be dropped outside of the lock:
    /// they may be many.
    pub(super) fn turn_to(&mut self, now: u64) -> HashMap<BalanceKey, Balance> {
        if self.window == now {
            return HashMap::new();
        }
        self.window = now;
        mem::take(&mut self.keys)
    }

    pub(super) fn window(&self) -> u64 {
        self.window
    }

    /// Admits a run if the budget covers its reservation.
    pub(super) fn start(
        &mut self,
        settings: &BudgetSettings,
        run_id: Uuid,
        key: Option<&BalanceKey>,
        mut open: OpenRun,
    ) -> Result<(), Refusal> {
        if self.open.len() >= MAX_OPEN {
            return Err(Refusal::TooManyRuns);
        }
        if let Some(key) = key {
            let balance = self.keys.entry(key.clone()).or_default();
            let used = balance.used();
            Refusal::unless_covered(&settings.limit, used, open.reserved)?;
            balance.reserved = balance.reserved.plus(open.reserved);
            balance.stopped = false;
            open.balance = Some((key.clone(), self.window));
        }
        self.open.insert(run_id, open);
        Ok(())
    }

    /// Returns the key of a run's budget: its own, or the shared one if there are `max` keys.
    pub(super) fn balance_key(&self, key: Arc<str>, max: usize) -> BalanceKey {
        let key = Some(key);
        if self.keys.contains_key(&key) || self.keys.len() < max { key } else { None }
    }

    /// Adds a token to the estimate of a run's answer. Returns a refusal if the run must not continue.
    pub(super) fn token(
        &mut self,
        settings: &BudgetSettings,
        run_id: Uuid,
        token: &Token,
    ) -> Option<(Option<BalanceKey>, Refusal)> {
        let open = self.open.get_mut(&run_id)?;
        open.answer.add(token);
        if open.answer.tokens() > open.limit.tokens {
            let key = open.balance.as_ref().map(|(key, _)| key.clone());
            return Some((key, Refusal::PassedRunLimit(open.limit.by)));
        }
        let (key, _) = open.balance.as_ref().filter(|(_, window)| *window == self.window)?;
        let drawn = open.drawn(&settings.limit);
        if drawn == open.reserved {
            return None;
        }
        let balance = self.keys.get_mut(key)?;
        // Tokens beyond the reservation are no longer available to other runs.
        balance.reserved = balance.reserved.minus(open.reserved).plus(drawn);
        open.reserved = drawn;
        let passed = settings.limit.is_passed(balance.used()).filter(|_| settings.abort_running);
        passed.map(|unit| (Some(key.clone()), Refusal::Spent(unit)))
    }

    /// Settles a run that has ended: its usage replaces its reservation. Returns the runs that must not continue.
    pub(super) fn end(
        &mut self,
        settings: &BudgetSettings,
        run_id: Uuid,
        used: &RunUsage,
    ) -> Vec<(Run, Option<BalanceKey>, Refusal)> {
        let Some(open) = self.open.remove(&run_id) else { return Vec::new() };
        let spent = used.spending(&open);
        self.tally.settled(settings, used, spent);
        // Budgets of past windows are gone.
        let Some((key, window)) = open.balance.filter(|(_, window)| *window == self.window) else {
            return Vec::new();
        };
        let Some(balance) = self.keys.get_mut(&key) else { return Vec::new() };
        balance.reserved = balance.reserved.minus(open.reserved);
        balance.spent = balance.spent.plus(spent);
        let limit = &settings.limit;
        let over = limit.is_spent(balance.spent).or_else(|| limit.is_passed(balance.used()));
        let Some(unit) = over.filter(|_| settings.abort_running && !balance.stopped) else {
            return Vec::new();
        };
        balance.stopped = true;
        let drained = (key, window);
        let open = self.open.values().filter(|open| open.balance.as_ref() == Some(&drained));
        let runs = open.filter_map(|open| open.run.clone());
        runs.map(|run| (run, Some(drained.0.clone()), Refusal::Spent(unit))).collect()
    }

    /// Counts an aborted run.
    pub(super) fn count_abort(&mut self, key: Option<&BalanceKey>, at_start: bool) {
        let balance = key.and_then(|key| self.keys.get_mut(key));
        if at_start {
            self.tally.refused += 1;
            balance.into_iter().for_each(|balance| balance.refused += 1);
        } else {
            self.tally.aborted += 1;
            balance.into_iter().for_each(|balance| balance.aborted += 1);
        }
    }
}

/// The usage of a run that has ended.
pub(super) struct RunUsage {
    /// `None` if the result does not say it. The provider has sent tokens all the same, if there were `pieces`.
    pub(super) tokens: Option<u64>,
    pub(super) pieces: u64,
    /// Whether the provider may have generated an answer of which nothing is known: its consumer left before it came, or it
    /// was not decoded.
    pub(super) is_output_lost: bool,
    /// The model that answered, or the requested one.
    pub(super) model: Option<Arc<str>>,
    /// `None` if it has no price.
    pub(super) cost: Option<Amount>,
}

impl RunUsage {
    /// Returns the usage of a result. A source of prices may be user code, so it is called without a lock.
    pub(super) fn of(
        settings: &BudgetSettings,
        run: &Run,
        result: &LlmResult,
        completed: bool,
    ) -> Self {
        let used = Used::of(result);
        let cost = settings.prices.as_ref().and_then(|BudgetPrices { prices, currency }| {
            RunCosts::of(prices, currency, run, result, &used).map(RunCosts::total)
        });
        let output = result.usage.as_ref().and_then(|usage| usage.output_tokens);
        let requested = result.request.as_ref().and_then(|request| request.model.clone());
        Self {
            tokens: result.usage.as_ref().map(|_| used.tokens()),
            pieces: if result.cached { 0 } else { result.tokens },
            is_output_lost: (!completed || result.decode_skipped) && output.is_none(),
            model: result.model.clone().or(requested),
            cost,
        }
    }

    /// Without estimates of its layer, a run is charged for what the guard has estimated. A call whose answer is lost may have
    /// used all that it reserved.
    pub(super) fn spending(&self, open: &OpenRun) -> Spending {
        match self.tokens {
            Some(tokens) => {
                let cost = self.cost.unwrap_or(Amount::ZERO);
                let known = Spending { tokens: tokens.into(), cost };
                if self.is_output_lost { known.max(open.reserved) } else { known }
            }
            None if self.pieces > 0 => open.used(),
            None => Spending::default(),
        }
    }
}
