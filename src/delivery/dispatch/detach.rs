//! Ends lanes and detaches handlers from a run.

use std::sync::Arc;

use super::dispatch::{Dispatch, LaneRef, report};
use crate::delivery::{Fault, FaultKind};

impl Dispatch {
    /// Ends a lane: the handler has finished the terminal event, or is detached.
    pub(super) fn end(self: &Arc<Self>, index: usize) {
        let lane = &self.lanes()[index];
        if let Some(key) = lane.end(self.run().control()) {
            tracing::trace!(
                target: "tower_llm_callbacks",
                run_id = %self.run().run_id(),
                handler = %lane.slot.name,
                "delivered"
            );
            if let Some(executor) = self.executor(index) {
                executor.ended(key);
            }
            if lane.is_probe() {
                // No effect after a success.
                lane.slot.suspension.probe_failed();
            }
        }
        self.settled();
    }

    /// Detaches a handler from this run, and reports the fault. Does nothing the second time.
    ///
    /// The lane ends only after the report: neither the call nor a flush overtakes the report, or the abort that comes
    /// with it.
    pub(super) fn detach(
        self: &Arc<Self>,
        index: usize,
        kind: FaultKind,
        describe: impl FnOnce(&mut Fault),
    ) {
        struct End<'a>(&'a Arc<Dispatch>, usize);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                let End(dispatch, index) = self;
                dispatch.end(*index);
                // The emitter need not wait for room any more.
                dispatch.run().control().wake();
            }
        }
        let lane = &self.lanes()[index];
        let Some(detached) = lane.detach() else { return };
        let _end = End(self, index);
        if detached.gathered
            && let Some(executor) = self.executor(index)
        {
            // The executor need not keep the lane any longer.
            Arc::clone(executor).hurry(lane);
        }
        if let Some(task) = detached.task {
            task.abort();
        }
        let mut fault = Fault::new(kind, &lane.slot.name, self.run().run_id());
        fault.lost_events = detached.lost;
        describe(&mut fault);
        drop(detached.events);
        report(&lane.slot, &lane.hooks, self.run(), &fault);
        let keeps_failing = matches!(kind, FaultKind::Failed | FaultKind::DeadlineExceeded);
        if keeps_failing && lane.slot.suspension.failed() {
            let fault = Fault::new(FaultKind::Suspended, &lane.slot.name, self.run().run_id());
            report(&lane.slot, &lane.hooks, self.run(), &fault);
        }
        if lane.is_probe() {
            lane.slot.suspension.probe_failed();
        }
    }
}

impl LaneRef {
    /// Ends the lane after its terminal event.
    pub(crate) fn end(&self) {
        self.dispatch.end(self.index);
    }

    /// Detaches the handler from the run, and reports the fault.
    pub(crate) fn detach(&self, kind: FaultKind, describe: impl FnOnce(&mut Fault)) {
        self.dispatch.detach(self.index, kind, describe);
    }
}
