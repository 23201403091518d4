//! Events that count against the queues' capacity beside tokens: custom events, which come through the
//! run, and retries.

use std::sync::Arc;

use serde_json::Value;

use super::dispatch::{Dispatch, Posted};
use crate::{
    event::{CustomEvent, EventData, Retry},
    run::{EmitError, EventSink},
};

impl Dispatch {
    /// Posts a run's start, if somebody wants it, and right after it a retry.
    pub(crate) fn post_start(self: &Arc<Self>, start: Option<EventData>, retry: Option<Retry>) {
        // Nothing was told before: there is a place for it in every queue.
        let retry = retry.map(|retry| self.counted(EventData::Retry(Arc::new(retry))).0);
        if start.is_none() {
            self.skip();
        }
        let start = start.map(|data| Posted { data, places: None });
        self.post_together([start, retry]);
    }

    /// Posts an event for which every lane must have a place.
    fn post_counted(self: &Arc<Self>, data: EventData) -> Result<(), EmitError> {
        let (posted, full) = self.counted(data);
        if !self.post_with(posted) {
            return Err(EmitError::ended());
        }
        if full > 0 { Err(EmitError::full(full)) } else { Ok(()) }
    }

    /// Takes a place in every lane; tells how many had none.
    fn counted(&self, data: EventData) -> (Posted, usize) {
        let mut full = 0;
        let places = self
            .lanes()
            .iter()
            .map(|lane| {
                if lane.cell.is_inline() || !lane.wants(data.kind()) {
                    return false;
                }
                let reserved = lane.reserve();
                full += usize::from(!reserved);
                reserved
            })
            .collect();
        (Posted { data, places: Some(places) }, full)
    }
}

impl EventSink for Dispatch {
    fn emit(self: Arc<Self>, name: &str, value: Value) -> Result<(), EmitError> {
        self.post_counted(EventData::Custom(Arc::new(CustomEvent::new(name, value))))
    }
}
