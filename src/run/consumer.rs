use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// The consumer of a call, whose answer may be read to its end although the consumer has gone.
///
/// The runs of the call know it, so that they can tell at their end whether anybody got the answer.
#[derive(Debug, Clone)]
pub(crate) struct Consumer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    has_gone: AtomicBool,
    /// The consumer of the call around this one.
    outer: Option<Consumer>,
}

impl Consumer {
    pub(crate) fn new(outer: Option<Consumer>) -> Self {
        Self(Arc::new(Inner { has_gone: AtomicBool::new(false), outer }))
    }

    /// The consumer has dropped the call. What follows is read for the runs alone.
    ///
    /// Called by the task that goes on reading, before it does: what a run reads afterwards, it reads knowing this.
    pub(crate) fn leave(&self) {
        self.0.has_gone.store(true, Ordering::Release);
    }

    /// Whether the consumer of the call, or of one around it, has gone.
    pub(crate) fn has_gone(&self) -> bool {
        let Inner { has_gone, outer } = &*self.0;
        has_gone.load(Ordering::Acquire) || outer.as_ref().is_some_and(Consumer::has_gone)
    }
}
