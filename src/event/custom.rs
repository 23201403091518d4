use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An event of the application: see [`Run::emit`](crate::Run::emit).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CustomEvent {
    /// The name of the event.
    pub name: Arc<str>,
    /// The value that was emitted.
    pub value: Value,
}

impl CustomEvent {
    pub(crate) fn new(name: &str, value: Value) -> Self {
        Self { name: name.into(), value }
    }
}
