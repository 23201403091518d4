use std::{fmt, sync::Arc};

use uuid::Uuid;

use crate::event::EventKind;

/// A failure of a handler, or events that did not reach it.
///
/// Reported once: to the hooks of the handler's set ([`Callbacks::on_fault`](crate::Callbacks::on_fault)) and as an
/// error of [`tracing`] with the target `tower_llm_callbacks`. A fault never reaches the call, unless the handler
/// was registered with [`abort_on_fault`](crate::Registration::abort_on_fault).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Fault {
    /// What happened.
    pub kind: FaultKind,
    /// The handler's name: that of its type, or the one that was set.
    pub handler: Arc<str>,
    /// The id of the run.
    pub run_id: Uuid,
    /// The event during which it happened, if there was one.
    pub event: Option<EventKind>,
    /// How many events of the run were emitted and did not reach the handler by then, including the one that failed.
    /// Later events of the run are not counted.
    pub lost_events: u64,
    /// The message of the handler's panic or error, which may quote content.
    pub message: Option<Arc<str>>,
}

/// The kind of a [`Fault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// The handler panicked. It is detached from the run.
    Panicked,
    /// The handler returned an error. It is detached from the run.
    Failed,
    /// The handler finished no event within its deadline. It is detached from the run.
    DeadlineExceeded,
    /// The handler failed, or missed its deadline, in several runs in a row. New runs start without it, but for a probe now
    /// and then: see [`Suspension`](crate::callbacks::Suspension). Reported once, until it works again.
    Suspended,
    /// The call was made outside of any runtime, and the handler is async. It receives no event of the run.
    NoRuntime,
    /// The system has no thread for the blocking handler. It is detached from the run.
    NoThread,
    /// The runtime was shut down before the handler had all events of the run.
    RuntimeShutDown,
    /// The handler has too many runs with undelivered events. It receives no event of the run.
    TooManyRuns,
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, handler: &Arc<str>, run_id: Uuid) -> Self {
        let handler = Arc::clone(handler);
        Self { kind, handler, run_id, event: None, lost_events: 0, message: None }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { handler, run_id, lost_events, .. } = self;
        write!(f, "callback handler `{handler}` {}", self.kind)?;
        if let Some(event) = self.event {
            write!(f, " on {event}")?;
        }
        write!(f, " in run {run_id}")?;
        if *lost_events > 0 {
            write!(f, "; {lost_events} event(s) lost")?;
        }
        if let Some(advice) = self.kind.advice() {
            write!(f, " ({advice})")?;
        }
        // A panic's message stays out: nobody chose it to be logged, and it may quote content.
        match &self.message {
            Some(message) if self.kind == FaultKind::Failed => write!(f, ": {message}"),
            _ => Ok(()),
        }
    }
}

impl FaultKind {
    /// Returns what to do about it, or what follows.
    fn advice(self) -> Option<&'static str> {
        match self {
            FaultKind::Suspended => {
                Some("it is probed with a run now and then, and comes back when it works")
            }
            FaultKind::NoRuntime => Some(
                "make the call in one, set one with `Callbacks::runtime`, or add a blocking handler instead",
            ),
            FaultKind::RuntimeShutDown => {
                Some("flush before shutting down, or set a runtime with `Callbacks::runtime`")
            }
            _ => None,
        }
    }

    /// Returns the kind as a word, as in the labels of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            FaultKind::Panicked => "panicked",
            FaultKind::Failed => "failed",
            FaultKind::DeadlineExceeded => "deadline_exceeded",
            FaultKind::Suspended => "suspended",
            FaultKind::NoRuntime => "no_runtime",
            FaultKind::NoThread => "no_thread",
            FaultKind::RuntimeShutDown => "runtime_shut_down",
            FaultKind::TooManyRuns => "too_many_runs",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FaultKind::Panicked => "panicked",
            FaultKind::Failed => "failed",
            FaultKind::DeadlineExceeded => "finished no event within its deadline",
            FaultKind::Suspended => "is suspended after several failed runs in a row",
            FaultKind::NoRuntime => "was skipped because the call was made outside a tokio runtime",
            FaultKind::NoThread => "was skipped because the system could not start a thread for it",
            FaultKind::RuntimeShutDown => "lost its runtime before it had all events",
            FaultKind::TooManyRuns => {
                "was skipped because it has too many runs with undelivered events"
            }
        })
    }
}
