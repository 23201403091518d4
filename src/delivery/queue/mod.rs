//! The queue of one run's events to one handler.

mod lane;
mod push;
mod room;
mod take;

#[cfg(all(test, loom))]
pub(super) use self::room::Room;
pub(crate) use self::{
    lane::{Drive, Lane, Progress},
    push::Pushed,
    take::{BATCH, SPARE},
};
