use std::sync::atomic::{AtomicU8, Ordering};

/// The role of telling a run's events: one thread has it at a time.
///
/// Whoever finds it taken leaves a mark, and the thread that has it looks back before it goes: so
/// nothing that is left to it is forgotten, and nobody waits.
#[derive(Default)]
pub(super) struct Role(AtomicU8);

const FREE: u8 = 0;
const TAKEN: u8 = 1;
/// Taken, and there is something in the backlog, or somebody waits for the role to be free.
const MARKED: u8 = 2;

impl Role {
    fn change(&self, from: u8, to: u8) -> Result<u8, u8> {
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
    }

    /// Takes the role if it is free.
    #[inline]
    pub(super) fn try_take(&self) -> bool {
        self.change(FREE, TAKEN).is_ok()
    }

    /// Takes the role if it is free; otherwise marks it.
    pub(super) fn take_or_mark(&self) -> bool {
        loop {
            match self.change(FREE, TAKEN) {
                Ok(_) => return true,
                Err(MARKED) => return false,
                Err(_) if self.change(TAKEN, MARKED).is_ok() => return false,
                // It was given back meanwhile.
                Err(_) => {}
            }
        }
    }

    /// Whether it is taken; if so, it is marked.
    #[inline]
    pub(super) fn is_taken(&self) -> bool {
        self.0.load(Ordering::Acquire) != FREE && self.change(TAKEN, MARKED) != Err(FREE)
    }

    /// Gives the role back, unless it was marked: then the mark is gone, and the role still taken.
    #[inline]
    pub(super) fn give_back(&self) -> bool {
        let given_back = self.change(TAKEN, FREE).is_ok();
        if !given_back {
            self.0.store(TAKEN, Ordering::Release);
        }
        given_back
    }
}
