use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use opentelemetry::global::BoxedTracer;

use super::{
    OtelContent, OtelProfile, OtelSpansBuilder, SemanticConventions, identity::RunIdentity,
    logs::ErasedLogger, span::OpenSpan,
};
use crate::{
    event::{Event, EventData},
    handler::{CallbackHandler, EventMask, Identity, Open},
    handlers::outermost::Outermost,
    run::Run,
};

/// A handler that records runs as OpenTelemetry spans, following the semantic conventions for generative AI.
///
/// Clones share their spans and count as one handler. Register one instance for all runs of a tree: at request time, or
/// as inheritable callbacks. Register it inline: it never waits, and only an inline handler sees the span that is
/// current where a run starts. The SDK processes ended spans: use a `BatchSpanProcessor`, which never waits either.
/// While its queue is full, because an exporter is slow or down, it drops spans, and it logs their number at shutdown;
/// calls are not affected.
///
/// | run | span | kind |
/// |---|---|---|
/// | model | `{operation} {model}`, such as `chat gpt-4o` | client |
/// | model, in another observed model run | `{operation} {model}` | internal |
/// | tool | `execute_tool {name}` | internal |
/// | retriever | `retrieval {gen_ai.data_source.id}`, else `retrieval {name}` | internal |
/// | chain that is an agent | `invoke_agent {gen_ai.agent.name}` | internal |
/// | any other chain | `{name}` | internal |
///
/// A span covers its whole run, including the stream. A call through a typed model above an HTTP layer has a client
/// span for the outer run and an internal span for each attempt.
///
/// **The run**: a span has `run.id`, as records of the run have, `run.name`, `run.tags`, the
/// [chosen metadata](OtelSpansBuilder::metadata) (`run.metadata.…`), and `session.id` and `user.id` if the metadata has them.
///
/// **Agents** and other facts that a call does not state are read from metadata, under the conventions' names. A chain
/// is an agent if its metadata have a `gen_ai.agent.name` that the run around it does not have. `gen_ai.agent.id`,
/// `gen_ai.agent.description`, `gen_ai.agent.version`, `gen_ai.provider.name` and `gen_ai.request.model` of an agent,
/// `gen_ai.data_source.id` of a retriever and `gen_ai.conversation.id` of any run are read in the same way.
///
/// **Parent** is the span of the nearest run above that was observed and has not ended; else the span that the HTTP
/// request names in `traceparent`; else the span that is current where the run starts. A current span of the request's
/// trace takes precedence over `traceparent`: it is nearer.
///
/// **Errors**: a failed run's span has status `Error` and, in `error.type`, the provider's code, else the HTTP status,
/// else the [kind](crate::ErrorKind::as_str), such as `transport` or `cancelled`. Retries and custom events are span
/// events. The value of a custom event is recorded if it is a number or a boolean, or if [content](OtelContent) is
/// recorded.
///
/// **Propagation**: the handler sets the span that stands for each run by [`Run::set_span_context`], which
/// [`TracePropagation::Child`](crate::http_layer::TracePropagation::Child) sends upstream.
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
pub struct OtelSpans(pub(super) Arc<SpansInner>);

pub(super) struct SpansInner {
    pub(super) tracer: BoxedTracer,
    pub(super) logs: Option<ErasedLogger>,
    pub(super) conventions: SemanticConventions,
    pub(super) content: OtelContent,
    pub(super) identity: RunIdentity,
    pub(super) profiles: Vec<OtelProfile>,
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
    /// Creates a handler with the default settings, whose spans come from the current global tracer provider.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a builder with the default settings.
    pub fn builder() -> OtelSpansBuilder {
        OtelSpansBuilder::new()
    }

    /// Returns the number of runs whose span has not ended.
    pub fn open_runs(&self) -> usize {
        self.0.open.len()
    }

    /// Returns the number of spans that were ended before their run, to stay within
    /// [`max_runs`](OtelSpansBuilder::max_runs).
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
        let inner = &*self.0;
        match event.data() {
            EventData::LlmStart(start) | EventData::ModelStart(_, start) => {
                inner.llm_start(run, start);
            }
            EventData::RunStart(_, input) => inner.start(run, input),
            EventData::LlmEnd(result) | EventData::ModelEnd(_, result) => {
                inner.llm_end(run, result, None);
            }
            EventData::LlmError(error) | EventData::ModelError(_, error) => {
                if let Some(result) = error.result() {
                    inner.llm_end(run, result, Some(error));
                }
            }
            EventData::RunEnd(_, output) => inner.end(run, output),
            EventData::RunError(_, error) => inner.error(run, error),
            EventData::Retry(retry) => inner.retry(run, retry, event.time()),
            EventData::Custom(custom) => inner.custom(run, custom, event.time()),
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
