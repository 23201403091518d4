//! Sets of handlers, each with its delivery.

#[expect(clippy::module_inception, reason = "the folder is about sets, the file about `Callbacks`")]
mod callbacks;
mod flush;
mod registration;
mod stats;

pub use self::{
    callbacks::Callbacks,
    flush::{FlushReport, Undelivered},
    registration::Registration,
    stats::HandlerStats,
};
pub use crate::delivery::{Delivery, Fault, FaultKind, Overflow, Suspension};
