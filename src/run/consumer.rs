use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// The consumer of a call, whose answer may be read to its end although the consumer has gone.
///
/// The runs of the call know it, so that they can tell at their end whether anybody got the answer.
#[derive(Debug, Clone)]
pub(crate) struct Consumer(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    has_gone: AtomicBool,
    /// There is a run of the call.
    has_run: AtomicBool,
    /// A run has called its inner service.
    has_called: AtomicBool,
    /// The consumer of the call around this one.
    outer: Option<Consumer>,
}

impl Consumer {
    pub(crate) fn new(outer: Option<Consumer>) -> Self {
        Self(Arc::new(Inner { outer, ..Inner::default() }))
    }

    /// The consumer has dropped the call. What follows is read for the runs alone.
    ///
    /// Called by the task that goes on reading, before it does: what a run reads afterwards, it reads knowing this.
    pub(crate) fn leave(&self) {
        self.0.has_gone.store(true, Ordering::Release);
    }

    /// Whether the consumer of the call, or of one around it, has gone.
    pub(crate) fn has_gone(&self) -> bool {
        let Inner { has_gone, outer, .. } = &*self.0;
        has_gone.load(Ordering::Acquire) || outer.as_ref().is_some_and(Consumer::has_gone)
    }

    /// A run of the call is opened.
    pub(crate) fn add_run(&self) {
        self.0.has_run.store(true, Ordering::Relaxed);
    }

    /// A run of the call calls its inner service.
    pub(crate) fn call(&self) {
        self.0.has_called.store(true, Ordering::Relaxed);
    }

    /// Whether the runs of the call still wait before they call anything: for their request, or for handlers.
    pub(crate) fn has_only_waited(&self) -> bool {
        self.0.has_run.load(Ordering::Relaxed) && !self.0.has_called.load(Ordering::Relaxed)
    }
}
