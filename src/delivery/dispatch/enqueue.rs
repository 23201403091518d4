//! Enqueues events and fans them out.

use std::{sync::Arc, time::SystemTime};

use super::{
    dispatch::{Dispatch, Enqueued, LaneRef},
    inline,
};
use crate::{
    delivery::{progress::progressed, queue::Pushed},
    event::{Event, EventData, EventKind},
    sync::lock,
};

impl Dispatch {
    /// Dispatches an event, or leaves it to the dispatching thread. Returns false after the terminal event.
    pub(crate) fn enqueue(self: &Arc<Self>, data: EventData) -> bool {
        self.enqueue_all([Some(Enqueued { data, places: None }), None])
    }

    /// Enqueues events without another event between them.
    pub(super) fn enqueue_all(self: &Arc<Self>, events: [Option<Enqueued>; 2]) -> bool {
        {
            let mut backlog = lock(&self.backlog);
            if backlog.closed {
                return false;
            }
            for enqueued in events.into_iter().flatten() {
                backlog.closed = enqueued.data.kind().is_terminal();
                backlog.queue.push_back(enqueued);
            }
        }
        if self.flag.set_or_mark() {
            self.drain_backlog();
            self.release();
        }
        true
    }

    fn drain_backlog(self: &Arc<Self>) {
        loop {
            let Some(Enqueued { data, places }) = lock(&self.backlog).pop() else { return };
            let event = Event::new(self.next_seq(), Some(SystemTime::now()), data);
            self.fan_out(&event, places.as_deref());
        }
    }

    #[cold]
    pub(super) fn release_marked(self: &Arc<Self>) {
        loop {
            self.drain_backlog();
            if self.flag.clear() {
                break;
            }
        }
        // The emitter, or a flush, may wait for an event that was left to this thread, or for the flag.
        self.run().control().wake();
        progressed();
        self.settled();
    }

    /// Dispatches an event that was numbered in another process. Only for runs [opened](Self::set_remote) so, whose
    /// events one task replays.
    pub(crate) fn replay(self: &Arc<Self>, event: &Event) {
        if self.flag.try_set() {
            self.fan_out(event, None);
            self.release();
        }
    }

    /// Marks the run as one of another process: nothing is enqueued here, and it is neither aborted nor emitted
    /// through.
    pub(crate) fn set_remote(&self) {
        lock(&self.backlog).closed = true;
        self.run().control().end();
    }

    fn fan_out(self: &Arc<Self>, event: &Event, places: Option<&[bool]>) {
        let kind = event.kind();
        for (index, lane) in self.lanes().iter().enumerate() {
            if !lane.wants(kind) {
                // The terminal event ends every lane, wanted or not.
                if kind.is_terminal() && !lane.is_detached() {
                    if !lane.slot.is_inline() {
                        self.end_lane(index, event);
                    } else if lane.was_called() {
                        lane.slot.suspension.succeeded();
                    } else if lane.is_probe() {
                        lane.slot.suspension.probe_showed_nothing();
                    }
                }
                continue;
            }
            if let Some(handler) = &lane.slot.inline {
                lane.calls(kind);
                let called = inline::call(&**handler, self, index, &mut lane.scope(), event);
                if called && kind.is_terminal() {
                    lane.slot.suspension.succeeded();
                }
                continue;
            }
            let has_place = match places {
                Some(places) => places[index],
                None => kind != EventKind::LlmNewToken || lane.reserve_token(),
            };
            if !has_place {
                continue;
            }
            let dropped = if kind.is_terminal() { lane.dropped_tokens() } else { 0 };
            let event = if dropped > 0 {
                event.with_data(event.data().with_dropped_tokens(dropped))
            } else {
                event.clone()
            };
            self.activate(index, lane.push(event));
        }
    }

    /// Wakes or starts the drain of a lane, after a push.
    pub(super) fn activate(self: &Arc<Self>, index: usize, pushed: Pushed) {
        let executor = match pushed {
            Pushed::Nothing => return,
            Pushed::Wake(waker) => return waker.wake(),
            Pushed::Start | Pushed::Gather | Pushed::Hurry => self.executor(index),
        };
        let Some(executor) = executor.cloned() else { return };
        let lane = || LaneRef { dispatch: Arc::clone(self), index };
        match pushed {
            Pushed::Start => executor.start(lane()),
            Pushed::Gather => executor.gather(lane()),
            _ => executor.hurry(&self.lanes()[index]),
        }
    }

    /// Ends a lane whose handler does not want the terminal event.
    fn end_lane(self: &Arc<Self>, index: usize, terminal: &Event) {
        let lane = &self.lanes()[index];
        if lane.is_unstarted() {
            if lane.is_probe() {
                lane.slot.suspension.probe_showed_nothing();
            }
            self.end(index);
        } else {
            self.activate(index, lane.push(terminal.clone()));
        }
    }
}
