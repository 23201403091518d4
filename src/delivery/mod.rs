//! How events reach handlers.
//!
//! An event of a run is enqueued at the run's [`Dispatch`], which numbers it, calls inline handlers and puts it into
//! the [`Lane`](queue::Lane) of each other handler. Lanes are drained by an [`Executor`]: threads for blocking
//! handlers, tasks for async ones.
//!
//! Three rooms, each of which knows only those before it: [`queue`], [`dispatch`], `exec`.

mod dispatch;
mod exec;
mod fault;
mod hooks;
mod notify;
mod progress;
mod queue;
mod settings;
mod slot;
mod suspension;

pub(crate) use self::{
    dispatch::{Dispatch, Executor, LaneRef, Member, Terminal, TokenLanes},
    exec::Code,
    hooks::{Hook, Hooks},
    notify::Notify,
    progress::Flushing,
    queue::{Lane, Progress},
    settings::Settings,
    slot::Slot,
};
pub use self::{
    fault::{Fault, FaultKind},
    settings::{Delivery, Overflow},
    suspension::Suspension,
};

#[cfg(all(test, loom))]
mod models {
    include!("../../tests/loom/models.rs");
}
