//! The package without features: `cargo test -p tower-llm-callbacks-lean`.
//!
//! What the other tests need of it (`testing`) is a feature itself, so these bring their own recorder.

mod features;
mod handlers;
mod http_layer;
mod typed;

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tower_llm_callbacks::{Callbacks, Event, EventKind, Run, on_event};

/// The events of a handler, as their records.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<(EventKind, Value)>>>);

impl Recorder {
    fn handler(&self) -> impl tower_llm_callbacks::CallbackHandler + use<> {
        let events = Arc::clone(&self.0);
        on_event(move |run: &Run, event: &Event| {
            let record = serde_json::to_value(event.record(run)).unwrap();
            events.lock().unwrap().push((event.kind(), record));
        })
    }

    fn inline() -> (Self, Callbacks) {
        let recorder = Self::default();
        let callbacks = Callbacks::new().inline(recorder.handler());
        (recorder, callbacks)
    }

    fn kinds(&self) -> Vec<EventKind> {
        self.0.lock().unwrap().iter().map(|(kind, _)| *kind).collect()
    }

    /// The text of all tokens.
    fn text(&self) -> String {
        let events = self.0.lock().unwrap();
        events.iter().filter_map(|(_, record)| record["data"]["text"].as_str()).collect()
    }

    /// The data of the last event.
    fn last(&self) -> Value {
        self.0.lock().unwrap().last().expect("an event").1["data"].clone()
    }
}
