use std::{fmt, sync::Arc, time::SystemTime};

use opentelemetry::KeyValue;

use super::{
    OtelMetricsBuilder,
    error_type::error_type,
    facts::Facts,
    instruments::Instruments,
    names,
    value::{bounded, text},
};
use crate::{
    event::{Event, EventData, LlmResult, LlmStart, RunError},
    handler::{CallbackHandler, EventMask, Identity},
    handlers::{labels::Labels, open::Open, outermost::Outermost},
    run::Run,
};

/// A handler that measures model calls by OpenTelemetry metrics, after the semantic conventions for generative
/// AI, with their units and buckets.
///
/// Clones measure together, and count as one handler. It never waits, so that it may be added as inline.
///
/// | metric | of | when |
/// |---|---|---|
/// | `gen_ai.client.operation.duration` | each call | at its end, however it ended |
/// | `gen_ai.client.token.usage` | each call whose provider reported usage | at its end, also of one that was broken off |
/// | `gen_ai.client.operation.time_to_first_chunk` | each call with streamed content | at its end |
/// | `gen_ai.client.operation.time_per_output_chunk` | each piece of content but the first | as it comes |
///
/// Attributes are operation, provider, model, server, and at the end the model that answered; `error.type` is with
/// the duration of a failed call, as [`OtelSpans`](super::OtelSpans) has it. How many different values they have is
/// [bounded](OtelMetricsBuilder::max_models), whatever clients send.
///
/// A model run inside a model run that it heard of, such as that of a layer over HTTP below a typed model, is not
/// measured: its call is the outer one's. So of a typed model the server is not known, unless the handler is
/// attached to the layer over HTTP alone.
///
/// ```
/// use tower_llm_callbacks::{Callbacks, handlers::OtelMetrics};
///
/// // After `opentelemetry::global::set_meter_provider(…)`.
/// let callbacks = Callbacks::new().inline(OtelMetrics::new());
/// # let _ = callbacks;
/// ```
#[derive(Clone)]
pub struct OtelMetrics(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) instruments: Instruments,
    pub(super) labels: AllLabels,
    pub(super) chunks: bool,
    pub(super) open: Open<Call>,
    pub(super) outermost: Outermost,
}

/// What attributes may say.
pub(super) struct AllLabels {
    pub(super) models: Labels,
    pub(super) answering: Labels,
    pub(super) providers: Labels,
    pub(super) servers: Labels,
    pub(super) errors: Labels,
}

/// A call that has not ended.
pub(super) struct Call {
    attributes: Arc<[KeyValue]>,
    last_chunk: Option<SystemTime>,
}

impl Default for OtelMetrics {
    fn default() -> Self {
        Self::new()
    }
}

impl OtelMetrics {
    /// A handler whose instruments the global provider makes, as it is now.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Settings to start with.
    pub fn builder() -> OtelMetricsBuilder {
        OtelMetricsBuilder::new()
    }

    /// How many calls that are measured have not ended.
    pub fn open_runs(&self) -> usize {
        self.0.open.len()
    }
}

impl Shared {
    fn start(&self, run: &Run, start: &LlmStart) {
        if !self.outermost.start(run) {
            return;
        }
        let facts = Facts::of(start);
        let mut attributes = vec![
            text(names::OPERATION, facts.operation),
            text(names::PROVIDER, bounded(&self.labels.providers, &facts.provider)),
        ];
        let model = facts.model.as_deref().map(|model| bounded(&self.labels.models, model));
        attributes.extend(model.map(|model| text(names::MODEL, model)));
        if let Some(server) = &facts.server {
            let address = bounded(&self.labels.servers, &server.address);
            // A port of nobody is no series of its own either.
            let port = server.port.filter(|_| address.as_str() == server.address);
            attributes.push(text(names::SERVER_ADDRESS, address));
            let port = port.map(|port| KeyValue::new(names::SERVER_PORT, i64::from(port)));
            attributes.extend(port);
        }
        self.open.insert(run, Call { attributes: attributes.into(), last_chunk: None });
    }

    fn token(&self, run: &Run, time: SystemTime) {
        let chunk = self.open.with(run.run_id(), |call| {
            let before = call.last_chunk.replace(time)?;
            Some((before, Arc::clone(&call.attributes)))
        });
        // Not under the lock: the instrument is anybody's.
        if let Some((before, attributes)) = chunk.flatten() {
            // The clock may have been set back.
            let elapsed = time.duration_since(before).unwrap_or_default();
            self.instruments.time_per_output_chunk.record(elapsed.as_secs_f64(), &attributes);
        }
    }

    fn end(&self, run: &Run, result: &LlmResult, error: Option<&RunError>) {
        let measured = self.outermost.end(run);
        let Some(call) = self.open.remove(run).filter(|_| measured) else { return };
        let mut attributes = call.attributes.to_vec();
        let answered = result.model.as_deref().map(|model| bounded(&self.labels.answering, model));
        attributes.extend(answered.map(|model| text(names::RESPONSE_MODEL, model)));
        if let Some(usage) = &result.usage {
            self.instruments.usage(usage, &attributes);
        }
        if let Some(first) = result.time_to_first_token {
            self.instruments.time_to_first_chunk.record(first.as_secs_f64(), &attributes);
        }
        let failed = error.map(|error| bounded(&self.labels.errors, &error_type(error)));
        attributes.extend(failed.map(|error| text(names::ERROR_TYPE, error)));
        self.instruments.duration.record(result.duration.as_secs_f64(), &attributes);
    }
}

impl CallbackHandler for OtelMetrics {
    fn event_mask(&self) -> EventMask {
        let ends = EventMask::LLM_START | EventMask::LLM_END | EventMask::LLM_ERROR;
        match self.0.chunks {
            true => ends | EventMask::LLM_NEW_TOKEN | EventMask::TOKEN_TIMES,
            false => ends,
        }
    }

    fn identity(&self) -> Option<Identity> {
        Some(Identity::of(&self.0))
    }

    fn on_event(&self, run: &Run, event: &Event) {
        match event.data() {
            EventData::LlmStart(start) => self.0.start(run, start),
            EventData::LlmNewToken(_) => self.0.token(run, event.time()),
            EventData::LlmEnd(result) => self.0.end(run, result, None),
            EventData::LlmError(error) => {
                if let Some(result) = error.result() {
                    self.0.end(run, result, Some(error));
                }
            }
            _ => {}
        }
    }
}

impl fmt::Debug for OtelMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtelMetrics").field("open", &self.0.open).finish_non_exhaustive()
    }
}
