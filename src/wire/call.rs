use std::sync::Arc;

use serde_json::{Map, Value};

use crate::run::TraceParent;

/// What a request turns out to be when its body has arrived: a call of an API, or no call after all. Returned by
/// [`Format::describe`](super::Format::describe).
///
/// ```
/// use tower_llm_callbacks::wire::Call;
///
/// // A run of its own name, with metadata.
/// let call = Call::new().name("get_weather").metadata("mcp.session.id", "s-17");
/// // The request passes unobserved, and is counted.
/// let other = Call::unobserved("tools/list");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Call {
    pub(crate) unobserved: Option<Arc<str>>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) traceparent: Option<TraceParent>,
    pub(crate) tool_call_id: Option<Arc<str>>,
}

impl Call {
    /// Creates a call of which nothing more is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates what is no call: no event is emitted, and the request passes.
    ///
    /// It is counted in [`HttpStats::unobserved`](crate::http_layer::HttpStats::unobserved), with `pattern` in the place of
    /// its path. A pattern must not have ids, names or secrets in it.
    pub fn unobserved(pattern: impl Into<Arc<str>>) -> Self {
        Self { unobserved: Some(pattern.into()), ..Self::default() }
    }

    /// Sets the name of the run, unless the caller has set one.
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Adds metadata to the run, unless it has some of this key.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Sets the distributed trace that the call is part of, where the body has it. It counts before that of the headers.
    #[must_use]
    pub fn traceparent(mut self, traceparent: TraceParent) -> Self {
        self.traceparent = Some(traceparent);
        self
    }

    /// Sets the id of the tool call that a tool's run answers.
    #[must_use]
    pub fn tool_call_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.tool_call_id = Some(id.into());
        self
    }
}
