use std::sync::Arc;

use super::spending::{BudgetLimit, Spending, Unit};
use crate::{event::Rates, handlers::usage::priced::Call, run::Run};

/// The key of a budget, or `None` for the budget that keys beyond the maximum share.
pub(super) type BalanceKey = Option<Arc<str>>;

/// An admitted run that has not ended.
#[derive(Debug)]
pub(super) struct OpenRun {
    /// The budget that the run draws on, if any, and the window in which the run started.
    pub(super) balance: Option<(BalanceKey, u64)>,
    pub(super) reserved: Spending,
    /// The rates of the requested model.
    pub(super) rates: Option<Rates>,
    pub(super) call: Call,
    pub(super) limit: RunLimit,
    /// Kept only if running calls may be aborted.
    pub(super) run: Option<Run>,
}

/// The number of tokens that a run may use, and what limits them.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunLimit {
    pub(super) tokens: u64,
    pub(super) by: Unit,
}

impl OpenRun {
    /// Returns what the run draws on its budget after a number of tokens: at least its reservation.
    pub(super) fn drawn(&self, tokens: u64, limit: &BudgetLimit) -> Spending {
        let cost = self.rates.as_ref().map(|rates| rates.of_output(tokens)).unwrap_or_default();
        limit.only(Spending { tokens: tokens.into(), cost }).max(self.reserved)
    }
}
