use std::{sync::Arc, time::SystemTime};

use serde_json::{Map, Value};

use super::Accounting;
use crate::{
    callbacks::Callbacks,
    delivery::Member,
    event::{ContentCapture, Retry},
    handler::EventMask,
    run::{Attempts, Run, RunInfo, RunType, TraceParent},
};

/// A run that was opened and not started yet, with the handlers that are notified of it.
pub(crate) struct NewRun {
    pub(crate) run: Run,
    pub(crate) members: Vec<Arc<Member>>,
    pub(crate) content: ContentCapture,
    /// Whether handlers receive outputs that are no text.
    pub(crate) capture_outputs: bool,
    pub(crate) accounting: Arc<Accounting>,
    /// The attempts of the call, where they are counted.
    pub(crate) attempts: Option<Arc<Attempts>>,
    /// The failed attempt before this one.
    pub(crate) retry: Option<Retry>,
    /// Whether the configuration of the call names the run.
    pub(crate) named: bool,
    /// Whether anything names the run, so that its name is not that of its type.
    pub(crate) has_name: bool,
    /// The id of the tool call that the run answers.
    pub(crate) tool_call_id: Option<Arc<str>>,
}

impl NewRun {
    /// Sets the type of the run, and leaves out the handlers for which such runs have no events.
    pub(crate) fn set_type(&mut self, run_type: RunType) {
        let mask = EventMask::of_runs(run_type);
        self.members.retain(|member| member.slot.event_mask.intersects(mask));
        if self.run.run_type() == run_type {
            return;
        }
        let Some(info) = self.run.info_mut() else { return };
        info.run_type = run_type;
        if !self.has_name {
            info.name = run_type.as_str().into();
        }
    }

    /// Completes the run with what its request says. What the caller has set stays.
    pub(crate) fn describe(
        &mut self,
        name: Option<Arc<str>>,
        metadata: Map<String, Value>,
        traceparent: Option<TraceParent>,
        tool_call_id: Option<Arc<str>>,
    ) {
        self.tool_call_id = tool_call_id;
        let Some(info) = self.run.info_mut() else { return };
        if let Some(name) = name.filter(|_| !self.named) {
            info.name = name;
        }
        if !metadata.is_empty() {
            let known = Arc::make_mut(&mut info.metadata);
            for (key, value) in metadata {
                known.entry(key).or_insert(value);
            }
        }
        if traceparent.is_some() {
            info.set_trace(traceparent, None);
        }
    }

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
