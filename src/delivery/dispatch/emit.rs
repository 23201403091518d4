//! Events that count against the queues' capacity beside tokens: custom events and retries.

use std::sync::Arc;

use serde_json::Value;

use super::dispatch::{Dispatch, Enqueued};
use crate::{
    event::{CustomEvent, EventData, Retry},
    run::{EmitError, EventSink},
};

impl Dispatch {
    /// Enqueues a run's start, if a handler wants it, and right after it a retry.
    pub(crate) fn enqueue_start(self: &Arc<Self>, start: Option<EventData>, retry: Option<Retry>) {
        // Nothing was dispatched before: every queue has a place.
        let retry = retry.map(|retry| self.reserved(EventData::Retry(Arc::new(retry))).0);
        if start.is_none() {
            // An event that no handler wants has its number all the same.
            self.next_seq();
        }
        let start = start.map(|data| Enqueued { data, places: None });
        self.enqueue_all([start, retry]);
    }

    /// Reserves a place in every lane. Returns how many lanes were full.
    fn reserved(&self, data: EventData) -> (Enqueued, usize) {
        let mut full = 0;
        let places = self
            .lanes()
            .iter()
            .map(|lane| {
                if lane.slot.is_inline() || !lane.wants(data.kind()) {
                    return false;
                }
                let reserved = lane.reserve();
                full += usize::from(!reserved);
                reserved
            })
            .collect();
        (Enqueued { data, places: Some(places) }, full)
    }
}

impl EventSink for Dispatch {
    fn emit(self: Arc<Self>, name: &str, value: Value) -> Result<(), EmitError> {
        let event = EventData::Custom(Arc::new(CustomEvent::new(name, value)));
        let (enqueued, full) = self.reserved(event);
        if !self.enqueue_all([Some(enqueued), None]) {
            return Err(EmitError::ended());
        }
        if full > 0 { Err(EmitError::full(full)) } else { Ok(()) }
    }
}
