//! Who is running: runs, the one that is current, and how to give one up.

mod abort;
mod attempts;
mod context;
mod control;
mod emit;
mod in_run;
mod info;
#[expect(clippy::module_inception, reason = "the folder is about runs, the file about `Run`")]
mod run;
mod run_type;
mod trace_parent;

pub use self::{
    abort::{Abort, Aborted},
    emit::{EmitError, emit},
    in_run::{InCurrentRun, InRun},
    run::Run,
    run_type::RunType,
    trace_parent::{InvalidTraceParent, TraceParent},
};
pub(crate) use self::{
    attempts::{Attempts, FailedAttempt},
    context::{Context, Inside},
    control::Control,
    info::{Baggage, EventSink, RunInfo},
};
