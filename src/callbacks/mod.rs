//! Sets of handlers, each with its delivery.

#[expect(clippy::module_inception, reason = "the folder is about sets, the file about `Callbacks`")]
mod callbacks;
mod flush;
mod live;
mod registration;
mod reloadable;
mod stats;

pub(crate) use self::live::LiveMembers;
pub use self::{
    callbacks::Callbacks,
    flush::{FlushReport, Undelivered},
    registration::Registration,
    reloadable::Reloadable,
    stats::HandlerStats,
};
pub use crate::delivery::{Delivery, Fault, FaultKind, Overflow, Suspension};
