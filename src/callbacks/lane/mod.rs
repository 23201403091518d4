//! The way of one run's events to one handler.

#[expect(clippy::module_inception, reason = "the folder is about lanes, the file about `Lane`")]
mod lane;
mod push;
mod room;
mod take;

pub(crate) use self::{
    lane::{Lane, LaneRef, Progress},
    push::Pushed,
    take::{BATCH, SPARE},
};
