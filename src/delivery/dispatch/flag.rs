use crate::sync::modelled::atomic::{AtomicU8, Ordering};

/// Marks the one thread that dispatches a run's events.
///
/// A thread that finds the flag set marks it, after it has put its event into the backlog. The dispatching thread
/// cannot clear a marked flag: it empties the backlog once more and tries again. So an event that is left to it is
/// never forgotten, and no thread waits.
///
/// The orderings: a marking thread's backlog entry happens before its mark (Release half of AcqRel), and the failed
/// [`clear`](Self::clear) reads the mark (Acquire half), so that the entry is visible in the backlog. What the
/// dispatching thread wrote is visible to the next one in the same way, through the clear and the set. Plain fields
/// that only the dispatching thread writes, such as the sequence number, rely on that.
#[derive(Default)]
pub(crate) struct DispatchFlag(AtomicU8);

const CLEAR: u8 = 0;
const SET: u8 = 1;
/// Set, and there is something in the backlog, or a thread waits for the flag to be clear.
const MARKED: u8 = 2;

impl DispatchFlag {
    fn change(&self, from: u8, to: u8) -> Result<u8, u8> {
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
    }

    /// Sets the flag if it is clear.
    #[inline]
    pub(crate) fn try_set(&self) -> bool {
        self.change(CLEAR, SET).is_ok()
    }

    /// Sets the flag if it is clear. Otherwise marks it, and returns false.
    pub(crate) fn set_or_mark(&self) -> bool {
        loop {
            match self.change(CLEAR, SET) {
                Ok(_) => return true,
                Err(MARKED) => return false,
                Err(_) if self.change(SET, MARKED).is_ok() => return false,
                // The dispatching thread cleared it between the two steps.
                Err(_) => {}
            }
        }
    }

    /// Whether the flag is set. If so, it is marked, so that the caller is woken when it is clear.
    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire) != CLEAR && self.change(SET, MARKED) != Err(CLEAR)
    }

    /// Clears the flag, unless it is marked. Then the mark is removed, the flag stays set, and false is returned.
    #[inline]
    pub(crate) fn clear(&self) -> bool {
        let cleared = self.change(SET, CLEAR).is_ok();
        if !cleared {
            // A plain store: while the flag is set, others only go from SET to MARKED, and it is MARKED. A mark that
            // comes between the exchange and this store is the same mark, and its entry is in the backlog already.
            self.0.store(SET, Ordering::Release);
        }
        cleared
    }
}
