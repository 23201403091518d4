use std::{error::Error, fmt, sync::Arc};

use super::{Fault, FaultKind};
use crate::{
    event::prefix,
    panics::catch,
    redact,
    run::{Abort, Run},
};

/// The fault hooks of a handler in a set. A value: a change affects no clone.
#[derive(Clone, Default)]
pub(crate) struct Hooks(Option<Arc<Vec<Hook>>>);

/// What is called with a fault.
pub(crate) type Hook = Arc<dyn Fn(&Fault) + Send + Sync>;

/// The bytes of an error's message that a fault keeps.
const MAX_MESSAGE: usize = 1024;

impl Hooks {
    /// Adds a hook, unless it is there already.
    pub(crate) fn add(&mut self, hook: &Hook) {
        let hooks = Arc::make_mut(self.0.get_or_insert_default());
        if !hooks.iter().any(|other| Arc::ptr_eq(other, hook)) {
            hooks.push(Arc::clone(hook));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Adds the hooks of another set.
    pub(crate) fn merge(&mut self, other: &Hooks) {
        for hook in other.0.iter().flat_map(|hooks| hooks.iter()) {
            self.add(hook);
        }
    }

    /// Reports a fault to the log and the hooks. Calls user code: must not be called under a lock.
    pub(crate) fn report(&self, fault: &Fault) {
        tracing::error!(
            target: "tower_llm_callbacks",
            handler = %fault.handler,
            run_id = %fault.run_id,
            lost_events = fault.lost_events,
            "{fault}"
        );
        for hook in self.0.iter().flat_map(|hooks| hooks.iter()) {
            if catch(|| hook(fault)).is_err() {
                tracing::error!(target: "tower_llm_callbacks", "a fault hook panicked");
            }
        }
    }
}

/// Aborts the call of a run because of a fault.
pub(super) fn abort(run: &Run, fault: &Fault) {
    let reason = match fault.kind {
        FaultKind::Panicked => "panicked",
        FaultKind::Failed => "failed",
        FaultKind::DeadlineExceeded => "exceeded its deadline",
        FaultKind::Suspended => "is suspended",
        FaultKind::NoRuntime => "has no runtime",
        FaultKind::NoThread => "has no thread",
        FaultKind::RuntimeShutDown => "lost its runtime",
        FaultKind::TooManyRuns => "has too many undelivered runs",
    };
    run.abort(Abort::new(format!("callback handler `{}` {reason}", fault.handler)));
}

/// Returns the message of a handler's error, with its sources, bounded and without secrets.
pub(super) fn message(error: &dyn Error) -> Arc<str> {
    prefix(&redact::error_chain(error), MAX_MESSAGE).into()
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.as_ref().map_or(0, |hooks| hooks.len());
        f.debug_struct("Hooks").field("count", &count).finish()
    }
}
