use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::LlmStart;

/// What a model call requested, as its result repeats it: prices and dashboards need both the requested model and the
/// one that answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LlmRequestInfo {
    /// The provider: [`LlmStart::provider`].
    pub provider: Arc<str>,
    /// The provider's interface: [`LlmStart::api`].
    pub api: Arc<str>,
    /// The requested model.
    pub model: Option<Arc<str>>,
    /// Whether a streamed answer was requested.
    pub stream: bool,
}

impl LlmRequestInfo {
    /// Returns what a start says.
    pub fn of(start: &LlmStart) -> Self {
        Self {
            provider: Arc::clone(&start.provider),
            api: Arc::clone(&start.api),
            model: start.model.clone(),
            stream: start.stream,
        }
    }
}
