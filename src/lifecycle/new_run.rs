use std::{sync::Arc, time::SystemTime};

use crate::{
    callbacks::Callbacks,
    delivery::Member,
    event::{ContentCapture, PriceSource, Retry},
    handler::EventMask,
    run::{Attempts, Run, RunInfo},
};

/// A run that was opened and not started yet, with the handlers that are notified of it.
pub(crate) struct NewRun {
    pub(crate) run: Run,
    pub(crate) members: Vec<Arc<Member>>,
    pub(crate) content: ContentCapture,
    /// What a model call costs.
    pub(crate) prices: Option<Arc<dyn PriceSource>>,
    /// The attempts of the call, where they are counted.
    pub(crate) attempts: Option<Arc<Attempts>>,
    /// The failed attempt before this one.
    pub(crate) retry: Option<Retry>,
}

impl NewRun {
    /// A run of another process, for the handlers of a set here.
    pub(crate) fn remote(info: RunInfo, start_time: SystemTime, callbacks: &Callbacks) -> Self {
        let mask = EventMask::of_runs(info.run_type);
        let wants = |member: &&Arc<Member>| member.slot.event_mask.intersects(mask);
        Self {
            members: callbacks.members().iter().filter(wants).cloned().collect(),
            run: Run::remote(info, start_time),
            content: ContentCapture::Full,
            prices: None,
            attempts: None,
            retry: None,
        }
    }
}
