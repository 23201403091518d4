use std::time::Duration;

use http::StatusCode;

use super::spending::{BudgetLimit, Spending, Unit};
use crate::run::Abort;

/// The reason why a run is not admitted, or not allowed to continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Spent(Unit),
    /// The budget is not spent, but does not cover the reservation.
    TooMuch(Unit),
    /// No budget of this size covers the reservation.
    NeverFits(Unit),
    PassedRunLimit(Unit),
    Unpriced,
    TooManyRuns,
    /// The store of shared accounts does not respond.
    Unreachable,
}

impl Refusal {
    /// Decides whether a budget of which this much is used covers a reservation.
    pub(super) fn unless_covered(
        limit: &BudgetLimit,
        used: Spending,
        reserved: Spending,
    ) -> Result<(), Self> {
        let refusals = [
            limit.is_spent(used).map(Refusal::Spent),
            limit.is_passed(reserved).map(Refusal::NeverFits),
            limit.is_passed(used.plus(reserved)).map(Refusal::TooMuch),
        ];
        refusals.into_iter().flatten().next().map_or(Ok(()), Err)
    }

    /// Returns the abort, whose reason the client sees: it contains no numbers and nothing about other clients. `renewal` is
    /// the time to the next window.
    pub(super) fn abort(self, renewal: Option<Duration>) -> Abort {
        const LIMITED: StatusCode = StatusCode::TOO_MANY_REQUESTS;
        let (reason, status) = match self {
            Refusal::Spent(Unit::Tokens) => ("the token budget is spent", LIMITED),
            Refusal::Spent(Unit::Money) => ("the budget is spent", LIMITED),
            Refusal::TooMuch(Unit::Tokens) => {
                ("the call may use more tokens than the budget has left", LIMITED)
            }
            Refusal::TooMuch(Unit::Money) => {
                ("the call may cost more than the budget has left", LIMITED)
            }
            Refusal::NeverFits(Unit::Tokens) => {
                ("the call may use more tokens than the whole token budget", LIMITED)
            }
            Refusal::NeverFits(Unit::Money) => {
                ("the call may cost more than the whole budget", LIMITED)
            }
            Refusal::PassedRunLimit(Unit::Tokens) => {
                ("the answer exceeds the token limit of a call", LIMITED)
            }
            Refusal::PassedRunLimit(Unit::Money) => {
                ("the answer exceeds the cost limit of a call", LIMITED)
            }
            Refusal::Unpriced => {
                ("the model has no price, which the budget requires", StatusCode::BAD_REQUEST)
            }
            Refusal::TooManyRuns => ("too many calls are open", StatusCode::SERVICE_UNAVAILABLE),
            Refusal::Unreachable => {
                ("the budget cannot be read at the moment", StatusCode::SERVICE_UNAVAILABLE)
            }
        };
        let abort = Abort::new(reason).status(status);
        // Any other refusal meets the same call again.
        match (self, renewal) {
            (Refusal::Spent(_) | Refusal::TooMuch(_), Some(renewal)) => abort.retry_after(renewal),
            _ => abort,
        }
    }
}
