use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The bytes that all runs of a layer may keep together, and what they keep.
#[derive(Debug)]
pub(super) struct Budget {
    limit: usize,
    kept: AtomicUsize,
    /// Calls whose request has not arrived.
    waiting: AtomicUsize,
}

impl Budget {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, kept: AtomicUsize::new(0), waiting: AtomicUsize::new(0) })
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn kept(&self) -> usize {
        self.kept.load(Ordering::Relaxed)
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Counts a call that waits for its request, until the value is dropped.
    pub(super) fn wait(self: &Arc<Self>) -> WaitingRequest {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        WaitingRequest(Arc::clone(self))
    }
}

pub(super) struct WaitingRequest(Arc<Budget>);

impl Drop for WaitingRequest {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A part of the budget, until it is dropped.
pub(super) struct Kept {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Kept {
    pub(super) fn nothing(budget: &Arc<Budget>) -> Self {
        Self { budget: Arc::clone(budget), bytes: 0 }
    }

    /// Whether nothing more may be kept.
    pub(super) fn is_exhausted(&self) -> bool {
        self.budget.kept() >= self.budget.limit
    }

    /// Keeps this many more bytes, even beyond the budget.
    pub(super) fn add(&mut self, bytes: usize) {
        self.budget.kept.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
    }

    /// Keeps this many bytes in all, in steps. Returns false, and keeps what there was, if the budget is exhausted.
    pub(super) fn grow_to(&mut self, bytes: usize, step: usize) -> bool {
        if bytes <= self.bytes {
            return true;
        }
        if self.is_exhausted() {
            return false;
        }
        self.add((bytes - self.bytes).next_multiple_of(step));
        true
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.budget.kept.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
