//! Where a run's events become numbered and go to each handler's lane.

#[expect(clippy::module_inception, reason = "the folder is about dispatching")]
mod dispatch;
mod emit;
mod give_up;
mod role;
mod token;

pub(crate) use self::{dispatch::Dispatch, token::TokenLanes};
