//! Events that count against the queues' capacity beside tokens: custom events, which come through the
//! run, and retries.

use std::sync::Arc;

use serde_json::Value;

use super::dispatch::{Dispatch, Posted};
use crate::{
    event::{CustomEvent, EventData},
    run::{EmitError, EventSink},
};

impl Dispatch {
    /// Posts an event for which every lane must have a place.
    pub(crate) fn post_counted(self: &Arc<Self>, data: EventData) -> Result<(), EmitError> {
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
        if !self.post_with(Posted { data, places: Some(places) }) {
            return Err(EmitError::ended());
        }
        if full > 0 { Err(EmitError::full(full)) } else { Ok(()) }
    }
}

impl EventSink for Dispatch {
    fn emit(self: Arc<Self>, name: &str, value: Value) -> Result<(), EmitError> {
        self.post_counted(EventData::Custom(Arc::new(CustomEvent::new(name, value))))
    }
}
