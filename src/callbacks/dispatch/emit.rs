//! Custom events, which come through the run.

use std::sync::Arc;

use serde_json::Value;

use super::dispatch::{Dispatch, Posted};
use crate::{
    event::{CustomEvent, EventData, EventKind},
    run::{EmitError, EventSink},
};

impl EventSink for Dispatch {
    fn emit(self: Arc<Self>, name: &str, value: Value) -> Result<(), EmitError> {
        let mut full = 0;
        let places = self
            .lanes()
            .iter()
            .map(|lane| {
                if lane.cell.is_inline() || !lane.wants(EventKind::Custom) {
                    return false;
                }
                let reserved = lane.reserve();
                full += usize::from(!reserved);
                reserved
            })
            .collect();
        let data = EventData::Custom(Arc::new(CustomEvent::new(name, value)));
        if !self.post_with(Posted { data, places: Some(places) }) {
            return Err(EmitError::ended());
        }
        if full > 0 { Err(EmitError::full(full)) } else { Ok(()) }
    }
}
