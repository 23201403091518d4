use std::sync::Arc;

use super::spending::{BudgetLimit, Spending, Unit};
use crate::{
    estimate::RunningEstimate,
    event::{Amount, Rates},
    run::Run,
};

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
    /// The tokens of the request, as estimated.
    pub(super) input: u64,
    /// The tokens of the answer so far, as estimated.
    pub(super) answer: RunningEstimate,
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
    /// Returns what the run has used so far, by the estimates of its request and of its answer.
    pub(super) fn used(&self) -> Spending {
        let answer = self.answer.tokens();
        let cost = self
            .rates
            .as_ref()
            .map_or(Amount::ZERO, |rates| rates.of_input(self.input).plus(rates.of_output(answer)));
        Spending { tokens: u128::from(self.input) + u128::from(answer), cost }
    }

    /// Returns what the run draws on its budget: at least its reservation.
    pub(super) fn drawn(&self, limit: &BudgetLimit) -> Spending {
        limit.only(self.used()).max(self.reserved)
    }
}
