//! Runs: what is executed, which run is current, how to abort one and emit through it.

mod abort;
mod attempts;
mod consumer;
mod control;
mod emit_error;
mod frame;
mod identity;
mod in_run;
mod info;
mod lazy;
#[expect(clippy::module_inception, reason = "the folder is about runs, the file about `Run`")]
mod run;
mod run_type;
mod scope;
mod spans;
mod trace_parent;

pub use self::{
    abort::{Abort, Aborted},
    emit_error::EmitError,
    identity::Identity,
    in_run::{InCurrentRun, InRun},
    run::Run,
    run_type::RunType,
    scope::emit,
    trace_parent::{InvalidTraceParent, TraceParent},
};
pub(crate) use self::{
    attempts::{Attempts, FailedAttempt},
    consumer::Consumer,
    control::Control,
    frame::HandlerFrame,
    info::{EventSink, Inherited, RunInfo},
    run_type::with_run_types,
    scope::Scope,
};
