use std::{sync::Arc, time::SystemTime};

use serde::Serialize;

use super::{
    accounts::Account,
    spending::{Limit, Spending},
};
use crate::handlers::usage::{Amount, snapshot::timestamp};

/// What [`BudgetGuard`](super::BudgetGuard) knows at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BudgetReport {
    /// When the current window started; none where budgets are for all time.
    #[serde(serialize_with = "optional_timestamp")]
    pub window_start: Option<SystemTime>,
    /// The budgets that were drawn on in the current window, by key.
    pub keys: Vec<BudgetKey>,
    /// The one that those share for whose keys there was no room.
    pub rest: Option<BudgetKey>,
    /// Runs that are going.
    pub open_runs: usize,
    /// Runs that were aborted at their start, ever.
    pub refused_runs: u64,
    /// Runs that were aborted later, ever.
    pub aborted_runs: u64,
    /// Runs that used something at a price that is not known, ever: no money was taken for them.
    pub unpriced_runs: u64,
    /// Their models: the first hundred.
    pub unpriced_models: Vec<Arc<str>>,
}

/// The budget of a key, in the current window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BudgetKey {
    /// Whose it is: empty where there is one for all, or for those together that lack what keys are made of.
    pub key: Arc<str>,
    /// Tokens that were used by runs that have ended.
    pub spent_tokens: u64,
    /// What they cost.
    pub spent: Amount,
    /// Tokens that are reserved by runs that are going.
    pub reserved_tokens: u64,
    /// Money that is reserved by them.
    pub reserved: Amount,
    /// Tokens that are neither spent nor reserved; none where tokens are not limited.
    pub remaining_tokens: Option<u64>,
    /// Money that is neither spent nor reserved; none where money is not limited.
    pub remaining: Option<Amount>,
    /// Runs that were aborted at their start.
    pub refused_runs: u64,
    /// Runs that were aborted later.
    pub aborted_runs: u64,
}

impl BudgetKey {
    pub(super) fn new(key: Option<&Arc<str>>, account: &Account, limit: &Limit) -> Self {
        let tokens = |of: Spending| u64::try_from(of.tokens).unwrap_or(u64::MAX);
        let used = account.used();
        Self {
            key: key.cloned().unwrap_or_default(),
            spent_tokens: tokens(account.spent),
            spent: account.spent.cost,
            reserved_tokens: tokens(account.reserved),
            reserved: account.reserved.cost,
            remaining_tokens: limit.tokens_left(used),
            remaining: limit.money_left(used),
            refused_runs: account.refused,
            aborted_runs: account.aborted,
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
