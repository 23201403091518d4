use crate::sync::modelled::atomic::{AtomicBool, AtomicU64, Ordering};

/// The room in a lane's queue.
///
/// The pushing and the draining side write counters of their own, in cache lines of their own. The pushing side reads
/// the other's only when the queue seems full. So a token costs neither side a cache miss.
pub(crate) struct Room {
    capacity: u64,
    /// Places taken so far. Any thread may take one (`Run::emit` runs anywhere), hence read-modify-write.
    taken: AtomicU64,
    /// The value of `freed` that the pushing side read last.
    freed_seen: AtomicU64,
    drain: DrainSide,
}

#[repr(align(64))]
struct DrainSide {
    /// Places freed so far. One thread drains at a time, hence plain loads and stores.
    freed: AtomicU64,
    /// Events finished so far.
    finished: AtomicU64,
    /// The emitter waits for room.
    wanted: AtomicBool,
}

impl Room {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity as u64,
            taken: AtomicU64::new(0),
            freed_seen: AtomicU64::new(0),
            drain: DrainSide {
                freed: AtomicU64::new(0),
                finished: AtomicU64::new(0),
                wanted: AtomicBool::new(false),
            },
        }
    }

    // --- the pushing side ---

    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.is_full_for(self.taken.load(Ordering::Acquire))
    }

    fn is_full_for(&self, taken: u64) -> bool {
        // Relaxed: a stale value only makes the queue seem fuller, and then `freed` itself is read.
        if taken.saturating_sub(self.freed_seen.load(Ordering::Relaxed)) < self.capacity {
            return false;
        }
        // Acquire pairs with the Release in `free`: what the handler did before it freed the place is visible.
        let freed = self.drain.freed.load(Ordering::Acquire);
        self.freed_seen.store(freed, Ordering::Relaxed);
        taken.saturating_sub(freed) >= self.capacity
    }

    /// Takes a place, even beyond the capacity.
    #[inline]
    pub(crate) fn take(&self) {
        self.taken.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes a place, if there is one.
    pub(crate) fn try_take(&self) -> bool {
        let take = |taken| (!self.is_full_for(taken)).then_some(taken + 1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).is_ok()
    }

    /// Asks to be woken when a place is freed. Called under the queue's lock. The caller checks `is_full` afterwards.
    pub(crate) fn want(&self) {
        self.drain.wanted.store(true, Ordering::Relaxed);
    }

    // --- the draining side ---

    /// Frees a place. Returns true if the emitter waits for room and must be woken.
    ///
    /// The race: the emitter stores `wanted` and then reads `freed`; this stores `freed` and then reads `wanted`.
    /// Without a fence between the two steps, each side may miss the other: the emitter sleeps on a full queue, and
    /// this does not wake it. No wake-up is lost for good: the emitter stores `wanted` under the queue's lock, and
    /// before the drain rests it calls `is_wanted` under the same lock, so that it sees the store. In the worst case
    /// the emitter is woken when the drain takes its next batch. That saves a fence for each token.
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

    /// Returns how many places are taken.
    pub(crate) fn waiting(&self) -> u64 {
        let freed = self.drain.freed.load(Ordering::Relaxed);
        self.taken.load(Ordering::Relaxed).saturating_sub(freed)
    }

    /// Counts a finished event.
    pub(crate) fn finish(&self) {
        let finished = self.drain.finished.load(Ordering::Relaxed) + 1;
        self.drain.finished.store(finished, Ordering::Release);
    }

    pub(crate) fn finished(&self) -> u64 {
        self.drain.finished.load(Ordering::Acquire)
    }
}
