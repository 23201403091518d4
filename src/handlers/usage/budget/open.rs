use std::sync::Arc;

use http::StatusCode;

use super::{
    settings::Ask,
    spending::{Limit, Spending, Unit},
};
use crate::{
    handlers::usage::ModelPrice,
    run::{Abort, Run},
};

/// A key, or none for all those together for which there was no room.
pub(super) type Key = Option<Arc<str>>;

/// A run that was let in and has not ended.
#[derive(Debug)]
pub(super) struct Open {
    /// Whose budget it draws on, if any, and the window that it started in.
    pub(super) account: Option<(Key, u64)>,
    pub(super) reserved: Spending,
    /// The price of the model that was asked for.
    pub(super) price: Option<ModelPrice>,
    pub(super) model: Option<Arc<str>>,
    pub(super) most: Most,
    /// Kept only if runs that are going may be aborted.
    pub(super) run: Option<Run>,
}

/// How many tokens a run may have, and what limits them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    pub(super) tokens: u64,
    pub(super) by: Unit,
}

impl Open {
    pub(super) fn new(ask: Ask, run: Option<Run>) -> Self {
        let Ask { reserve, price, most, model } = ask;
        Self { account: None, reserved: reserve, price, model, most, run }
    }

    /// What it has used for certain when it has had so many tokens.
    pub(super) fn drawn(&self, tokens: u64, limit: &Limit) -> Spending {
        let cost = self.price.map(|price| price.of_output(tokens)).unwrap_or_default();
        limit.only(Spending { tokens: tokens.into(), cost }).max(self.reserved)
    }
}

/// Why a call is not let in, or not let go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Spent(Unit),
    /// There is something left, but less than the call may take.
    TooMuch(Unit),
    PassedItsOwn(Unit),
    Unpriced,
    TooManyRuns,
}

impl Refusal {
    /// The client sees its reason: it says nothing of others, and no numbers.
    pub(super) fn abort(self) -> Abort {
        let (reason, status) = match self {
            Refusal::Spent(Unit::Tokens) => {
                ("the token budget is spent", StatusCode::TOO_MANY_REQUESTS)
            }
            Refusal::Spent(Unit::Money) => ("the budget is spent", StatusCode::TOO_MANY_REQUESTS),
            Refusal::TooMuch(Unit::Tokens) => (
                "the call may take more tokens than are left of the budget",
                StatusCode::TOO_MANY_REQUESTS,
            ),
            Refusal::TooMuch(Unit::Money) => {
                ("the call may cost more than is left of the budget", StatusCode::TOO_MANY_REQUESTS)
            }
            Refusal::PassedItsOwn(Unit::Tokens) => {
                ("the answer has passed its limit of tokens", StatusCode::TOO_MANY_REQUESTS)
            }
            Refusal::PassedItsOwn(Unit::Money) => {
                ("the answer has passed its limit of cost", StatusCode::TOO_MANY_REQUESTS)
            }
            Refusal::Unpriced => {
                ("the model has no price, which its budget needs", StatusCode::BAD_REQUEST)
            }
            Refusal::TooManyRuns => ("too many calls are going", StatusCode::SERVICE_UNAVAILABLE),
        };
        Abort::new(reason).status(status)
    }
}
