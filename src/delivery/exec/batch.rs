//! Calls a blocking handler with the events of several runs at once.

use std::{mem, sync::Arc};

use super::{
    blocking::{Blocking, Worker, look_for_more},
    pool::Ready,
};
use crate::{
    delivery::{LaneRef, dispatch::Failure, queue::BATCH},
    event::Event,
    handler::BatchEvent,
    panics::{Panic, catch},
};

/// The most events, and runs, of a batch.
const MOST: usize = 256;

/// Events in the handler's hands, with the lanes that they are of.
#[derive(Default)]
struct Batch {
    lanes: Vec<Ready>,
    events: Vec<Held>,
}

struct Held {
    /// The place of its lane in the batch.
    lane: usize,
    event: Event,
}

impl Blocking {
    /// Handles events of lanes that are all of one runtime, with one call if all goes well. Lanes that have more events go
    /// back to the pool.
    ///
    /// The first event of a handler is a batch of its own: its answer says whether the handler takes batches.
    pub(super) fn drain_together(self: &Arc<Self>, lanes: &mut Vec<Ready>, worker: &mut Worker) {
        let most = if self.handler.takes_batches() == Some(true) { MOST } else { 1 };
        let batch = Batch::take(lanes, most, worker);
        if !lanes.is_empty() {
            self.wake(&self.pool.give_back(mem::take(lanes)));
        }
        self.handle(&batch, worker);
        self.pool.set_most(if self.handler.takes_batches() == Some(true) { MOST } else { 1 });
        let unfinished = batch.into_unfinished();
        self.pool.add_again(unfinished);
    }

    /// Calls the handler until every event of a batch is handled or lost.
    fn handle(&self, batch: &Batch, worker: &mut Worker) {
        let Some(first) = batch.lanes.first().map(|ready| ready.lane.lane()) else { return };
        let mut scope = match &*batch.lanes {
            [_] => first.scope(),
            lanes => first.slot.scope_in_all(lanes.iter().map(|ready| ready.lane.run())),
        };
        let mut entered = first.runtime().and_then(|runtime| worker.runtimes.enter(runtime));
        let is_cancelled = batch.events.iter().any(|held| held.event.is_cancelled());
        if worker.runtimes.must_leave(first.runtime(), is_cancelled) {
            entered = None;
        }
        let mut from = 0;
        while from < batch.events.len() {
            let (places, events) = batch.wanted(from);
            let outcome = if events.is_empty() {
                Ok(Ok(()))
            } else {
                catch(|| scope.enter(|| self.handler.notify_of(&events)))
            };
            let failure = match outcome {
                Ok(Ok(())) => return batch.finish(from, batch.events.len()),
                Err(Panic(message)) => Failure::Panic(message),
                Ok(Err(error)) => {
                    let (failed, error) = error.in_batch(events.len());
                    let failure = Failure::of(error);
                    if let Some(place) = failed.map(|nth| places[nth]) {
                        batch.finish(from, place);
                        batch.detach(place, &failure);
                        from = place + 1;
                        continue;
                    }
                    failure
                }
            };
            // The rest are events that the handler does not want, of these runs or after their ends.
            places.iter().for_each(|place| batch.detach(*place, &failure));
            return batch.finish(from, batch.events.len());
        }
        drop(entered);
    }
}

impl Batch {
    /// Takes events of lanes. Leaves the lanes that were not looked at.
    fn take(lanes: &mut Vec<Ready>, most: usize, worker: &mut Worker) -> Self {
        let mut batch = Self::default();
        let mut left = lanes.drain(..);
        while batch.events.len() < most
            && let Some(ready) = left.next()
        {
            let LaneRef { dispatch, .. } = &ready.lane;
            let (lane, control) = (ready.lane.lane(), ready.lane.run().control());
            let room = BATCH.min(most - batch.events.len());
            if !lane.take(&mut worker.batch, room, control) {
                dispatch.settled();
                continue;
            }
            let place = batch.lanes.len();
            for event in worker.batch.drain(..) {
                lane.begin(event.kind(), control);
                batch.events.push(Held { lane: place, event });
            }
            batch.lanes.push(ready);
        }
        let left = left.collect();
        *lanes = left;
        batch
    }

    fn lane(&self, place: usize) -> &LaneRef {
        &self.lanes[self.events[place].lane].lane
    }

    /// Returns the events from a place on that the handler is called with, and their places.
    fn wanted(&self, from: usize) -> (Vec<usize>, Vec<BatchEvent<'_>>) {
        let wanted = |place: &usize| {
            let lane = self.lane(*place).lane();
            lane.slot.event_mask.wants(self.events[*place].event.kind()) && !lane.is_detached()
        };
        let places = (from..self.events.len()).filter(wanted);
        let event = |place| BatchEvent::new(self.lane(place).run(), &self.events[place].event);
        places.map(|place| (place, event(place))).unzip()
    }

    /// Counts events as finished, except those of runs that the handler is detached from.
    fn finish(&self, from: usize, to: usize) {
        for place in from..to {
            let (lane_ref, kind) = (self.lane(place), self.events[place].event.kind());
            if lane_ref.lane().is_detached() {
                continue;
            }
            lane_ref.lane().finish_one(kind);
            if kind.is_terminal() {
                lane_ref.end();
            }
        }
    }

    /// Detaches the handler from the run of an event.
    fn detach(&self, place: usize, failure: &Failure) {
        let LaneRef { dispatch, index } = self.lane(place);
        failure.detach(dispatch, *index, self.events[place].event.kind());
    }

    /// Returns the lanes that have more events. The others become idle.
    fn into_unfinished(self) -> Vec<Ready> {
        let Self { mut lanes, events } = self;
        if let [lone] = &*lanes
            && lone.lane.lane().is_burst(events.len())
        {
            look_for_more(&lone.lane);
        }
        drop(events);
        lanes.retain(|Ready { lane: lane_ref, .. }| {
            let more = lane_ref.lane().take(&mut Default::default(), 0, lane_ref.run().control());
            if !more {
                lane_ref.dispatch.settled();
            }
            more
        });
        lanes
    }
}
