use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use opentelemetry::global::BoxedTracer;

use super::{OtelContent, OtelSpansBuilder, SemanticConventions, logs::Logs, span::OpenSpan};
use crate::{
    event::{Event, EventData},
    handler::{CallbackHandler, EventMask, Identity},
    handlers::{open::Open, outermost::Outermost},
    run::Run,
};

/// A handler that makes OpenTelemetry spans of runs, after the semantic conventions for generative AI.
///
/// Clones share their spans, and count as one handler. Attach one instance wherever runs of a tree are told: at
/// request time, or as inheritable callbacks. It never waits, so that it may be added as inline, which it should:
/// then it knows what is current where a run starts. What is done with a span that has ended is up to the SDK: use
/// a `BatchSpanProcessor`, which never waits either. It drops spans while its queue is full, as when an exporter is
/// slow or down, and reports the number in its own log at shutdown; calls are not affected.
///
/// | run | span | kind |
/// |---|---|---|
/// | model | `{operation} {model}`, such as `chat gpt-4o` | client |
/// | model, in a model run that it heard of | the same | internal |
/// | tool | `execute_tool {name}` | internal |
/// | retriever | `retrieval {gen_ai.data_source.id}`, else `retrieval {name}` | internal |
/// | chain that is an agent | `invoke_agent {gen_ai.agent.name}` | internal |
/// | any other chain | `{name}` | internal |
///
/// A span lasts from the start of its run to its end, the whole stream included. A typed model over a layer over
/// HTTP is two runs: the client span is the outer one, and the inner ones, one for each try, are internal.
///
/// **Agents** and what else no call says are marked in metadata, by the conventions' names: a chain is an agent if
/// its metadata have a `gen_ai.agent.name` that the run around it does not have; `gen_ai.agent.id`,
/// `gen_ai.agent.description`, `gen_ai.agent.version`, `gen_ai.provider.name` and `gen_ai.request.model` of an
/// agent, `gen_ai.data_source.id` of a retriever and `gen_ai.conversation.id` of any run are taken from there too.
///
/// **Parent** is the span of the nearest run above that it heard of and that has not ended; else the one that the
/// HTTP request names in `traceparent`; else the span that is current where the run starts. (A current one of the same
/// trace as the request's goes first: it is nearer.)
///
/// **Errors**: a failed run's span has the status error, and in `error.type` the provider's code, else the HTTP status,
/// else `transport`, `truncated`, `cancelled`, `aborted` or `panic`. Retries and custom events are events of the span;
/// the value of a custom event is there if it is a number or a truth value, or [content](OtelContent) is written.
///
/// **Propagation**: it says by [`Run::set_span_context`] which span stands for a run, for
/// [`TracePropagation::Child`](crate::http_layer::TracePropagation::Child).
///
/// ```
/// use tower_llm_callbacks::{Callbacks, RunConfig, handlers::OtelSpans};
///
/// // After `opentelemetry::global::set_tracer_provider(…)`.
/// let spans = OtelSpans::new();
/// let config = RunConfig::new().callbacks(&Callbacks::new().inline(spans)).metadata("gen_ai.conversation.id", "c_1");
/// # let _ = config;
/// ```
#[derive(Clone)]
pub struct OtelSpans(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) tracer: BoxedTracer,
    pub(super) logs: Option<Logs>,
    pub(super) conventions: SemanticConventions,
    pub(super) content: OtelContent,
    pub(super) open: Open<OpenSpan>,
    pub(super) outermost: Outermost,
    pub(super) given_up: AtomicU64,
}

impl Default for OtelSpans {
    fn default() -> Self {
        Self::new()
    }
}

impl OtelSpans {
    /// A handler whose spans the global provider makes, as it is now.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Settings to start with.
    pub fn builder() -> OtelSpansBuilder {
        OtelSpansBuilder::new()
    }

    /// How many runs have a span that has not ended.
    pub fn open_runs(&self) -> usize {
        self.0.open.len()
    }

    /// How many spans were ended for lack of room, before their runs' end was heard of.
    pub fn given_up(&self) -> u64 {
        self.0.given_up.load(Ordering::Relaxed)
    }
}

impl CallbackHandler for OtelSpans {
    fn event_mask(&self) -> EventMask {
        EventMask::ALL - EventMask::LLM_NEW_TOKEN - EventMask::TOKEN_TIMES
    }

    fn identity(&self) -> Option<Identity> {
        Some(Identity::of(&self.0))
    }

    fn on_event(&self, run: &Run, event: &Event) {
        let shared = &*self.0;
        match event.data() {
            EventData::LlmStart(start) => shared.llm_start(run, start),
            EventData::RunStart(_, input) => shared.start(run, input),
            EventData::LlmEnd(result) => shared.llm_end(run, result, None),
            EventData::LlmError(error) => {
                if let Some(result) = error.result() {
                    shared.llm_end(run, result, Some(error));
                }
            }
            EventData::RunEnd(_, output) => shared.end(run, output),
            EventData::RunError(_, error) => shared.error(run, error),
            EventData::Retry(retry) => shared.retry(run, retry, event.time()),
            EventData::Custom(custom) => shared.custom(run, custom, event.time()),
            EventData::LlmNewToken(_) => {}
        }
    }
}

impl fmt::Debug for OtelSpans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtelSpans")
            .field("conventions", &self.0.conventions)
            .field("content", &self.0.content)
            .field("open", &self.0.open)
            .finish_non_exhaustive()
    }
}
