//! How the JSON texts of a streamed answer become one body.

mod array;
mod ndjson;
mod sse;

pub use self::{array::array, ndjson::lines, sse::event_stream};
use super::json::Json;

/// One event of a stream.
#[derive(Debug, Clone)]
pub struct Event {
    /// The name, where the protocol has names.
    pub name: Option<&'static str>,
    pub data: Data,
}

#[derive(Debug, Clone)]
pub enum Data {
    Json(Json),
    /// Written as it is, such as an end mark.
    Text(String),
}

impl Event {
    pub fn json(json: Json) -> Self {
        Self { name: None, data: Data::Json(json) }
    }

    pub fn named(name: &'static str, json: Json) -> Self {
        Self { name: Some(name), data: Data::Json(json) }
    }

    pub fn text(text: &str) -> Self {
        Self { name: None, data: Data::Text(text.to_owned()) }
    }
}
