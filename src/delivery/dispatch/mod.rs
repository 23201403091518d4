//! Numbers a run's events and fans them out to the lanes of its handlers.

mod detach;
#[expect(clippy::module_inception, reason = "the folder is about dispatching")]
mod dispatch;
mod emit;
mod enqueue;
mod flag;
mod inline;
mod terminal;
mod token;

#[cfg(all(test, loom))]
pub(super) use self::flag::DispatchFlag;
pub(super) use self::inline::{Failure, Outcome, call, failed};
pub(crate) use self::{
    dispatch::{Dispatch, Executor, LaneRef, Member, Terminal},
    token::TokenLanes,
};
