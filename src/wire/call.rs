use std::sync::Arc;

use serde_json::{Map, Value};

use crate::run::{RunType, TraceParent};

/// What a request is, as its method, path and body say: a call of an API, or none. Returned by
/// [`Format::describe`](super::Format::describe).
///
/// ```
/// use tower_llm_callbacks::{RunType, wire::Call};
///
/// // A run of its own name, with metadata.
/// let call = Call::of(RunType::Tool).name("get_weather").metadata("mcp.session.id", "s-17");
/// // The request passes unobserved, and is counted.
/// let other = Call::unobserved().counted_as("tools/list");
/// assert_eq!((call.run_type(), other.run_type()), (Some(RunType::Tool), None));
/// ```
#[derive(Debug, Clone)]
pub struct Call {
    /// `None` for no call.
    run_type: Option<RunType>,
    pub(crate) counted_as: Option<Arc<str>>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) traceparent: Option<TraceParent>,
    pub(crate) tool_call_id: Option<Arc<str>>,
}

impl Default for Call {
    fn default() -> Self {
        Self::new()
    }
}

impl Call {
    /// Creates a call of a language model of which nothing more is known.
    pub fn new() -> Self {
        Self::of(RunType::Llm)
    }

    /// Creates a call whose run is of a type.
    pub fn of(run_type: RunType) -> Self {
        Self {
            run_type: Some(run_type),
            counted_as: None,
            name: None,
            metadata: Map::new(),
            traceparent: None,
            tool_call_id: None,
        }
    }

    /// Creates what is no call of the API. If no other format reads the request either, no event is emitted, and the request
    /// passes.
    ///
    /// It is counted in [`HttpStats::unobserved`](crate::http_layer::HttpStats::unobserved), with its path, if that is one of
    /// an LLM API.
    pub fn unobserved() -> Self {
        Self { run_type: None, ..Self::new() }
    }

    /// Returns the type of the run. `None` if this is no call.
    pub fn run_type(&self) -> Option<RunType> {
        self.run_type
    }

    /// Returns this call, or what is no call.
    pub(in crate::wire) fn only_if(self, is_call: bool) -> Self {
        if is_call { self } else { Self::unobserved() }
    }

    /// Counts an unobserved request with a pattern in the place of its path. A pattern must not have ids, names or secrets in
    /// it.
    #[must_use]
    pub fn counted_as(mut self, pattern: impl Into<Arc<str>>) -> Self {
        self.counted_as = Some(pattern.into());
        self
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
