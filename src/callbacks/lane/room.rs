use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How much room a lane's queue has.
///
/// The pushing and the draining side each write counters of their own, in cache lines of their own,
/// and the pushing side looks at the other's only when the queue seems full: so a token costs neither
/// side a cache miss.
#[derive(Default)]
pub(crate) struct Room {
    capacity: u64,
    taken: AtomicU64,
    /// What the pushing side last saw of `freed`.
    freed_seen: AtomicU64,
    drain: DrainSide,
}

#[derive(Default)]
#[repr(align(64))]
struct DrainSide {
    freed: AtomicU64,
    finished: AtomicU64,
    wanted: AtomicBool,
}

impl Room {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity: capacity as u64, ..Self::default() }
    }

    // --- the pushing side ---

    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.is_full_for(self.taken.load(Ordering::Acquire))
    }

    fn is_full_for(&self, taken: u64) -> bool {
        if taken.saturating_sub(self.freed_seen.load(Ordering::Relaxed)) < self.capacity {
            return false;
        }
        let freed = self.drain.freed.load(Ordering::Acquire);
        self.freed_seen.store(freed, Ordering::Relaxed);
        taken.saturating_sub(freed) >= self.capacity
    }

    /// Takes a place even if there is none.
    #[inline]
    pub(crate) fn take(&self) {
        self.taken.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes a place if there is one.
    pub(crate) fn try_take(&self) -> bool {
        let take = |taken| (!self.is_full_for(taken)).then_some(taken + 1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).is_ok()
    }

    /// Asks to be told when a place is freed. Whether there is room must be looked at afterwards. Called
    /// under the queue's lock.
    pub(crate) fn want(&self) {
        self.drain.wanted.store(true, Ordering::Relaxed);
    }

    // --- the draining side ---

    /// Frees a place; true if the other side asked to be told.
    ///
    /// A question that comes at the very moment may be missed. It is answered with the next event, or
    /// by `is_wanted` under the queue's lock, which every drain asks before it rests: so this costs no
    /// fence for each token.
    #[inline]
    pub(crate) fn free(&self) -> bool {
        let freed = self.drain.freed.load(Ordering::Relaxed) + 1;
        self.drain.freed.store(freed, Ordering::Release);
        self.is_wanted()
    }

    #[inline]
    pub(crate) fn is_wanted(&self) -> bool {
        self.drain.wanted.load(Ordering::Relaxed)
            && self.drain.wanted.swap(false, Ordering::Relaxed)
    }

    /// How many places are taken.
    pub(crate) fn waiting(&self) -> u64 {
        let freed = self.drain.freed.load(Ordering::Relaxed);
        self.taken.load(Ordering::Relaxed).saturating_sub(freed)
    }

    /// Counts an event that is done.
    pub(crate) fn finish(&self) {
        let finished = self.drain.finished.load(Ordering::Relaxed) + 1;
        self.drain.finished.store(finished, Ordering::Release);
    }

    pub(crate) fn finished(&self) -> u64 {
        self.drain.finished.load(Ordering::Acquire)
    }
}
