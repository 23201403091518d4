//! Sets of handlers, and how events get to them.
//!
//! The way of an event: an [`Emitter`](emitter::Emitter), of a model's run with an
//! [`Answer`](answer::Answer), of any other with an [`Output`](output::Output), posts it to the run's [`Dispatch`](dispatch::Dispatch), which
//! numbers it, calls inline handlers and pushes it into each other handler's
//! [`Lane`](lane::Lane). Lanes are drained by threads of a [`Pool`](pool::Pool) (blocking handlers)
//! or by a task (async ones), and looked after by a [`Watch`](watch::Watch).

mod answer;
mod call;
#[expect(clippy::module_inception, reason = "the folder is about sets, the file about `Callbacks`")]
mod callbacks;
mod cause;
mod cell;
mod config;
mod delivery;
mod dispatch;
mod drain;
mod driver;
mod emitter;
mod fault;
mod flush;
mod inherit;
mod inline;
mod lane;
mod lifecycle;
mod once;
mod output;
mod pool;
mod registration;
mod settings;
mod shared;
mod stats;
mod watch;

pub(crate) use self::{
    call::Call,
    emitter::Emitter,
    inherit::{Opened, RunSpec},
    lifecycle::Lifecycle,
    output::{Output, Sum},
    settings::run_settings,
};
pub use self::{
    callbacks::Callbacks,
    config::RunConfig,
    delivery::{Delivery, Overflow},
    fault::{Fault, FaultKind},
    flush::{FlushReport, Undelivered},
    once::RunHandle,
    registration::Registration,
    stats::HandlerStats,
};
