use std::{
    any::Any,
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use uuid::Uuid;

use super::cell::Cell;
use crate::{
    event::EventKind,
    run::{Abort, Run},
};

/// A handler failed, or events did not reach it.
///
/// Reported once to the hook of the handler's set ([`Callbacks::on_fault`](super::Callbacks::on_fault))
/// and as an error of [`tracing`]. A fault never reaches the call, unless the handler is
/// [`required`](super::Registration::abort_on_fault).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Fault {
    /// What happened.
    pub kind: FaultKind,
    /// The handler's name: its type's, or the one it was given.
    pub handler: Arc<str>,
    /// In which run.
    pub run_id: Uuid,
    /// On which event, where it happened on one.
    pub event: Option<EventKind>,
    /// How many events of the run were told and did not reach the handler by then, the one on which
    /// it failed included. Events that the run has still to tell are not counted.
    pub lost_events: u64,
    /// The message of a panic. It is the handler's own text, and may quote content.
    pub panic_message: Option<Arc<str>>,
}

/// What kind of [`Fault`] it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// It panicked. It gets no more events of the run.
    Panicked,
    /// It finished no event within its deadline. It gets no more events of the run.
    DeadlineExceeded,
    /// The call was made outside any runtime, and the handler needs one. It gets no event of the run.
    NoRuntime,
    /// The runtime was shut down before it had all events of the run.
    RuntimeShutDown,
    /// It holds too many runs whose events it has not handled. It gets no event of the run.
    TooManyRuns,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { handler, run_id, lost_events, .. } = self;
        write!(f, "callback handler `{handler}` ")?;
        match self.kind {
            FaultKind::Panicked => f.write_str("panicked")?,
            FaultKind::DeadlineExceeded => f.write_str("finished no event within its deadline")?,
            FaultKind::NoRuntime => f.write_str(
                "was skipped because the call was made outside a tokio runtime: make the call in \
                 one, set one with `Callbacks::runtime`, or add the handler as inline",
            )?,
            FaultKind::RuntimeShutDown => f.write_str(
                "lost its runtime before it had all events: flush before shutting down, or give it \
                 a runtime of its own with `Callbacks::runtime`",
            )?,
            FaultKind::TooManyRuns => f.write_str(
                "was skipped because it holds too many runs with events that it has not handled",
            )?,
        }
        if let Some(event) = self.event {
            write!(f, " on {event}")?;
        }
        write!(f, " in run {run_id}")?;
        if *lost_events > 0 {
            write!(f, "; {lost_events} event(s) lost")?;
        }
        Ok(())
    }
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, cell: &Cell, run: &Run) -> Self {
        Self {
            kind,
            handler: Arc::clone(&cell.name),
            run_id: run.run_id(),
            event: None,
            lost_events: 0,
            panic_message: None,
        }
    }

    /// Tells the hooks and the log, and aborts the call if the handler is required. Runs code of
    /// others: never call it under a lock.
    pub(crate) fn report(self, cell: &Cell, run: &Run) {
        cell.fault();
        // The panic's message stays out of the log: it may quote content.
        tracing::error!(
            target: "tower_llm_callbacks",
            handler = %self.handler,
            run_id = %self.run_id,
            lost_events = self.lost_events,
            "{self}"
        );
        for hook in cell.shared.hooks() {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| hook(&self))) {
                panic_message(payload);
                tracing::error!(target: "tower_llm_callbacks", "a fault hook panicked");
            }
        }
        if cell.settings.required {
            let reason = match self.kind {
                FaultKind::Panicked => "panicked",
                FaultKind::DeadlineExceeded => "exceeded its deadline",
                FaultKind::NoRuntime => "has no runtime",
                FaultKind::RuntimeShutDown => "lost its runtime",
                FaultKind::TooManyRuns => "holds too many runs",
            };
            run.abort(Abort::new(format!("required handler `{}` {reason}", self.handler)));
        }
    }
}

/// The text of a panic. Takes the payload, for dropping it may panic once more.
pub(crate) fn panic_message(payload: Box<dyn Any + Send>) -> Option<Arc<str>> {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let text = text.map(Arc::from);
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(again);
    }
    text
}
