//! Giving up on a handler in a run.

use super::Dispatch;
use crate::{
    callbacks::{Fault, FaultKind, lane::Lane},
    run::Run,
};

impl Dispatch {
    /// Gives up on a handler in this run, and reports it.
    ///
    /// Only when it is reported is the handler waited for no longer: neither the call nor a flush
    /// overtakes the report, or the abort that comes with it.
    pub(crate) fn give_up(&self, index: usize, kind: FaultKind, describe: impl FnOnce(&mut Fault)) {
        struct Release<'a>(&'a Lane, &'a Run);
        impl Drop for Release<'_> {
            fn drop(&mut self) {
                let Release(lane, run) = self;
                if let Some(key) = lane.end(run.control()) {
                    lane.cell.watch.remove(key);
                }
                // Whoever waits for room need not wait any more.
                run.control().wake();
            }
        }
        let lane = self.lane(index);
        let Some(given_up) = lane.give_up() else { return };
        let _release = Release(lane, self.run());
        if let Some(task) = given_up.task {
            task.abort();
        }
        let mut fault = Fault::new(kind, &lane.cell, self.run());
        fault.lost_events = given_up.lost;
        describe(&mut fault);
        drop(given_up.events);
        fault.report(&lane.cell, self.run());
    }
}
