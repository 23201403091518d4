use std::{sync::Arc, time::SystemTime};

use serde::Serialize;

use super::{
    balances::{Balance, Tally},
    open_run::BalanceKey,
    settings::BudgetSettings,
    spending::{BudgetLimit, Spending},
};
use crate::{event::Amount, handlers::usage::snapshot::timestamp};

/// A snapshot of the budgets of a [`BudgetGuard`](super::BudgetGuard).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BudgetReport {
    /// The start of the current window, or `None` if budgets are not renewed.
    #[serde(serialize_with = "optional_timestamp")]
    pub window_start: Option<SystemTime>,
    /// The budgets that runs drew on in the current window, sorted by key.
    pub keys: Vec<BudgetKey>,
    /// The budget shared by keys beyond [`max_keys`](super::BudgetGuardBuilder::max_keys).
    pub rest: Option<BudgetKey>,
    /// The number of open runs.
    pub open_runs: usize,
    /// The number of runs aborted at their start, in all windows.
    pub refused_runs: u64,
    /// The number of runs aborted later, in all windows.
    pub aborted_runs: u64,
    /// The number of runs that used tokens of a model without a price, in all windows. No money was charged for them.
    pub unpriced_runs: u64,
    /// The first hundred models that were used and have no price.
    pub unpriced_models: Vec<Arc<str>>,
}

/// The budget of a key in the current window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BudgetKey {
    /// The key. Empty for the only budget, and for the budget shared by runs without a tag or value.
    pub key: Arc<str>,
    /// Tokens that ended runs have used.
    pub spent_tokens: u64,
    /// Money that ended runs have cost.
    pub spent: Amount,
    /// Tokens that open runs have reserved.
    pub reserved_tokens: u64,
    /// Money that open runs have reserved.
    pub reserved: Amount,
    /// Tokens that are neither spent nor reserved, or `None` if tokens are not limited.
    pub remaining_tokens: Option<u64>,
    /// Money that is neither spent nor reserved, or `None` if money is not limited.
    pub remaining: Option<Amount>,
    /// The number of runs aborted at their start.
    pub refused_runs: u64,
    /// The number of runs aborted later.
    pub aborted_runs: u64,
}

impl BudgetReport {
    pub(super) fn new(
        settings: &BudgetSettings,
        window: u64,
        mut keys: Vec<(BalanceKey, Balance)>,
        tally: &Tally,
        open_runs: usize,
    ) -> Self {
        keys.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let report =
            |(key, it): &(BalanceKey, _)| BudgetKey::new(key.as_ref(), it, &settings.limit);
        Self {
            window_start: settings.windows.map(|windows| windows.start(window)),
            rest: keys.iter().find(|(key, _)| key.is_none()).map(report),
            keys: keys.iter().filter(|(key, _)| key.is_some()).map(report).collect(),
            open_runs,
            refused_runs: tally.refused,
            aborted_runs: tally.aborted,
            unpriced_runs: tally.unpriced_runs,
            unpriced_models: tally.unpriced.list(),
        }
    }
}

impl BudgetKey {
    pub(super) fn new(key: Option<&Arc<str>>, balance: &Balance, limit: &BudgetLimit) -> Self {
        let tokens = |spending: Spending| u64::try_from(spending.tokens).unwrap_or(u64::MAX);
        let used = balance.used();
        Self {
            key: key.cloned().unwrap_or_default(),
            spent_tokens: tokens(balance.spent),
            spent: balance.spent.cost,
            reserved_tokens: tokens(balance.reserved),
            reserved: balance.reserved.cost,
            remaining_tokens: limit.tokens_left(used),
            remaining: limit.money_left(used),
            refused_runs: balance.refused,
            aborted_runs: balance.aborted,
        }
    }
}

fn optional_timestamp<S: serde::Serializer>(
    time: &Option<SystemTime>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => timestamp(time, serializer),
        None => serializer.serialize_none(),
    }
}
