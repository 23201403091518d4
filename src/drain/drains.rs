use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, time::timeout};

use super::DrainStats;

/// The limits of a layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) time: Duration,
    /// Bytes, or items.
    pub(super) size: u64,
    pub(super) drains: usize,
}

impl Limits {
    pub(super) const BODIES: Self =
        Self { time: Duration::from_secs(30), size: 64 * 1024 * 1024, drains: 100 };
    pub(super) const STREAMS: Self = Self { size: 1_000_000, ..Self::BODIES };
}

/// The drains of a layer, which all its clones and services share.
#[derive(Debug)]
pub(super) struct Drains {
    pub(super) limits: Limits,
    active: watch::Sender<usize>,
    ends: [AtomicU64; 6],
}

/// What became of a call that was dropped before its end.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    Finished,
    TimedOut,
    TooLarge,
    Panicked,
    Refused,
    WithoutRuntime,
}

impl Drains {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, active: watch::Sender::new(0), ends: Default::default() }
    }

    /// Begins a drain, if there may be another one.
    pub(super) fn begin(self: &Arc<Self>) -> Option<Ticket> {
        let begun = self.active.send_if_modified(|active| {
            let may = *active < self.limits.drains;
            *active += usize::from(may);
            may
        });
        if !begun {
            self.count(End::Refused);
        }
        begun.then(|| Ticket { drains: Arc::clone(self), end: End::WithoutRuntime })
    }

    pub(super) fn count(&self, end: End) {
        self.ends[end as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn stats(&self) -> DrainStats {
        let count = |end: End| self.ends[end as usize].load(Ordering::Relaxed);
        DrainStats {
            active: *self.active.borrow(),
            finished: count(End::Finished),
            timed_out: count(End::TimedOut),
            too_large: count(End::TooLarge),
            panicked: count(End::Panicked),
            refused: count(End::Refused),
            without_runtime: count(End::WithoutRuntime),
        }
    }

    /// Waits until no drain is active.
    pub(super) async fn flush(self: Arc<Self>, deadline: Duration) -> bool {
        let mut active = self.active.subscribe();
        let idle = async { active.wait_for(|active| *active == 0).await.is_ok() };
        timeout(deadline, idle).await.unwrap_or(false)
    }
}

/// The place of one drain. Dropped after its answer, it counts how that ended, and frees the place.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) drains: Arc<Drains>,
    /// How the drain ends if its task is dropped now.
    pub(super) end: End,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.drains.count(self.end);
        self.drains.active.send_modify(|active| *active -= 1);
    }
}
