use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Wake},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use uuid::Uuid;

use crate::delivery::{Flushing, Lane, LaneRef, Member, Progress, Slot};

/// The events that a flush did not see handled: see [`Callbacks::flush`](super::Callbacks::flush).
#[derive(Debug, Clone, Default)]
#[must_use = "the report says whether events are still undelivered"]
#[non_exhaustive]
pub struct FlushReport {
    /// The events that were emitted before the flush and not handled by its deadline.
    pub undelivered: Vec<Undelivered>,
}

impl FlushReport {
    /// Returns true if every event was handled, or lost, which is reported as a fault.
    pub fn is_complete(&self) -> bool {
        self.undelivered.is_empty()
    }
}

/// Events of one run that a handler has not handled yet.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Undelivered {
    /// The handler's name.
    pub handler: Arc<str>,
    /// The run's id.
    pub run_id: Uuid,
    /// The number of events, including the one in the handler's hands.
    pub events: u64,
}

/// A flush: what it waits for, and what of it was not handled.
pub(super) struct Flush {
    flushing: Flushing,
    lanes: Vec<Awaited>,
}

struct Awaited {
    slot: Arc<Slot>,
    lane: LaneRef,
    /// The number of events to wait for. `None` while some are in no lane yet.
    pushed: Option<u64>,
    done: bool,
}

impl Flush {
    /// Begins a flush of the events that were emitted by now.
    pub(super) fn begin(members: &[Arc<Member>]) -> Self {
        let flushing = Flushing::begin();
        let lanes = members.iter().flat_map(|member| {
            let lanes = member.executor.as_ref().map_or_else(Vec::new, |it| it.lanes());
            let slot = &member.slot;
            lanes.into_iter().map(|lane| Awaited {
                slot: Arc::clone(slot),
                lane,
                pushed: None,
                done: false,
            })
        });
        Self { lanes: lanes.collect(), flushing }
    }

    /// Waits until the events are handled or lost.
    pub(super) async fn wait(&mut self) {
        for awaited in &mut self.lanes {
            self.flushing.until(|| awaited.is_dispatched(&self.flushing)).await;
            awaited.pushed = Some(awaited.lane.lane().progress().pushed);
            awaited.lane.dispatch.hurry(awaited.lane.index);
        }
        for awaited in &mut self.lanes {
            self.flushing.until(|| awaited.is_handled(&self.flushing)).await;
            awaited.done = true;
        }
    }

    /// Waits until the events are handled or lost, and blocks the thread, at most until the deadline.
    pub(super) fn wait_blocking(&mut self, deadline: Duration) {
        struct Unpark(Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let began = Instant::now();
        let waker = Arc::new(Unpark(thread::current())).into();
        let mut wait = pin!(self.wait());
        while wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            let left = deadline.saturating_sub(began.elapsed());
            if left.is_zero() {
                return;
            }
            thread::park_timeout(left);
        }
    }

    pub(super) fn report(&self) -> FlushReport {
        let undelivered = self.lanes.iter().filter(|awaited| !awaited.done).filter_map(|awaited| {
            let (handler, run_id) = (Arc::clone(&awaited.slot.name), awaited.run_id());
            let events = awaited.missing();
            (events > 0).then_some(Undelivered { handler, run_id, events })
        });
        FlushReport { undelivered: undelivered.collect() }
    }
}

impl Awaited {
    fn run_id(&self) -> Uuid {
        self.lane.run().run_id()
    }

    /// Whether all events are in the lane. An event that another thread has still to dispatch is not, nor is the
    /// terminal event while it waits for handlers.
    fn is_dispatched(&self, flushing: &Flushing) -> bool {
        let dispatch = &self.lane.dispatch;
        let run_id = self.run_id();
        // The end waits for all awaited handlers of the run.
        let is_held_up = |lane: &Lane| flushing.need_not_wait_for(&lane.slot, run_id);
        !(dispatch.is_busy() || dispatch.is_ending())
            || flushing.need_not_wait_for_run(run_id)
            || dispatch.lanes().iter().any(is_held_up)
    }

    fn is_handled(&self, flushing: &Flushing) -> bool {
        self.missing() == 0 || flushing.need_not_wait_for(&self.slot, self.run_id())
    }

    /// Returns the number of events that are not handled.
    fn missing(&self) -> u64 {
        let Progress { active, pushed, finished, .. } = self.lane.lane().progress();
        let in_lane = self.pushed.unwrap_or(pushed).saturating_sub(finished);
        let elsewhere = match self.pushed {
            Some(_) => 0,
            None => 1.max(self.lane.dispatch.backlog() as u64),
        };
        elsewhere + if active { in_lane } else { 0 }
    }
}
