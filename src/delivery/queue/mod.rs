//! The queue of one run's events to one handler.

mod gather;
mod lane;
mod push;
mod room;
mod sizes;
mod take;

pub(crate) use self::{
    lane::{Drive, HandedOver, Lane, Progress},
    push::Pushed,
    sizes::{BATCH, SPARE},
};
