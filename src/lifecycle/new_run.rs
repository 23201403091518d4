use std::{sync::Arc, time::SystemTime};

use super::Accounting;
use crate::{
    callbacks::Callbacks,
    delivery::Member,
    event::{ContentCapture, Retry},
    handler::EventMask,
    run::{Attempts, Run, RunInfo},
};

/// A run that was opened and not started yet, with the handlers that are notified of it.
pub(crate) struct NewRun {
    pub(crate) run: Run,
    pub(crate) members: Vec<Arc<Member>>,
    pub(crate) content: ContentCapture,
    pub(crate) accounting: Arc<Accounting>,
    /// The attempts of the call, where they are counted.
    pub(crate) attempts: Option<Arc<Attempts>>,
    /// The failed attempt before this one.
    pub(crate) retry: Option<Retry>,
}

impl NewRun {
    /// Creates a run of another process, with the handlers of a set here. Its events are built already.
    pub(crate) fn remote(
        info: RunInfo,
        start_time: SystemTime,
        callbacks: &Callbacks,
    ) -> (Run, Vec<Arc<Member>>) {
        let mask = EventMask::of_runs(info.run_type);
        let wants = |member: &Arc<Member>| member.slot.event_mask.intersects(mask);
        let members = callbacks.members().into_iter().filter(wants).collect();
        (Run::remote(info, start_time), members)
    }
}
