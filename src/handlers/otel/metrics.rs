use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use opentelemetry::KeyValue;

use super::{
    OtelMetricsBuilder,
    agent::{agent, is_agent, metadata},
    call_info::CallInfo,
    error_type::error_type,
    instruments::Instruments,
    names,
    result::of_openai,
    value::{bounded, text},
};
use crate::{
    event::{Event, EventData, LlmResult, LlmStart, RunError},
    handler::{CallbackHandler, EventMask, Identity, Open},
    handlers::{
        labels::{Labels, scalar},
        outermost::Outermost,
    },
    run::{Run, RunType},
};

/// A handler that records OpenTelemetry metrics of model calls, with the names, units and buckets of the semantic
/// conventions for generative AI.
///
/// Clones share their state and count as one handler. The handler never waits, so it can be registered inline.
///
/// | metric | recorded for | when |
/// |---|---|---|
/// | `gen_ai.client.operation.duration` | each call | at its end, however it ended |
/// | `gen_ai.client.token.usage` | each call whose provider reported usage | at its end, also if it failed |
/// | `gen_ai.client.operation.time_to_first_chunk` | each call with streamed content | at its end |
/// | `gen_ai.client.operation.time_per_output_chunk` | each piece of content after the first | on arrival |
///
/// [Newer conventions](super::SemanticConventions) have other names, and `gen_ai.client.embeddings.*`,
/// `gen_ai.execute_tool.duration` and `gen_ai.invoke_agent.duration` beside them.
///
/// The attributes are operation, provider, model and server; metrics recorded at the end also have the model that
/// answered, and OpenAI's service tier and fingerprint, and the duration of a failed call has `error.type`, as in
/// [`OtelSpans`](super::OtelSpans). Tools have their name and agents theirs. The number of distinct values is [bounded](OtelMetricsBuilder::max_models), whatever clients send.
///
/// A model run inside another observed model run, such as that of an HTTP layer below a typed model, is not measured:
/// the outer run stands for the call. The server of a typed model's call is therefore unknown, unless the handler is
/// registered with the HTTP layer only.
///
/// ```
/// use tower_llm_callbacks::{Callbacks, handlers::OtelMetrics};
///
/// // After `opentelemetry::global::set_meter_provider(…)`.
/// let callbacks = Callbacks::new().inline(OtelMetrics::new());
/// # let _ = callbacks;
/// ```
#[derive(Clone)]
pub struct OtelMetrics(pub(super) Arc<MetricsInner>);

pub(super) struct MetricsInner {
    pub(super) instruments: Instruments,
    pub(super) labels: AttributeLabels,
    pub(super) chunk_times: bool,
    pub(super) open: Open<OpenCall>,
    pub(super) outermost: Outermost,
}

/// The bounded values of attributes.
pub(super) struct AttributeLabels {
    pub(super) models: Labels,
    pub(super) response_models: Labels,
    pub(super) providers: Labels,
    pub(super) servers: Labels,
    pub(super) errors: Labels,
    pub(super) tiers: Labels,
    pub(super) fingerprints: Labels,
    pub(super) tools: Labels,
    pub(super) agents: Labels,
    /// By the key of the metadata.
    pub(super) metadata: Vec<(Arc<str>, Labels)>,
}

/// A call that has not ended, or the run of a tool or an agent.
pub(super) struct OpenCall {
    attributes: Arc<[KeyValue]>,
    /// The agent that the run's metadata name.
    agent: Option<Arc<str>>,
    last_chunk: Option<SystemTime>,
}

impl Default for OtelMetrics {
    fn default() -> Self {
        Self::new()
    }
}

impl OtelMetrics {
    /// Creates a handler with the default settings, whose instruments come from the current global meter provider.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a builder with the default settings.
    pub fn builder() -> OtelMetricsBuilder {
        OtelMetricsBuilder::new()
    }

    /// Returns the number of measured calls that have not ended.
    pub fn open_runs(&self) -> usize {
        self.0.open.len()
    }
}

impl MetricsInner {
    fn start(&self, run: &Run, start: &LlmStart) {
        if !self.outermost.start(run) {
            return;
        }
        let info = CallInfo::of(run, start);
        let mut attributes = vec![
            text(names::OPERATION, info.operation),
            text(names::PROVIDER, bounded(&self.labels.providers, &info.provider)),
        ];
        let model = info.model.as_deref().map(|model| bounded(&self.labels.models, model));
        attributes.extend(model.map(|model| text(names::MODEL, model)));
        if let Some(server) = &info.server {
            let address = bounded(&self.labels.servers, &server.address);
            // Ports of servers that are not recorded would be unbounded series.
            let port = server.port.filter(|_| address.as_str() == server.address);
            attributes.push(text(names::SERVER_ADDRESS, address));
            let port = port.map(|port| KeyValue::new(names::SERVER_PORT, i64::from(port)));
            attributes.extend(port);
        }
        self.open(run, attributes);
    }

    /// Starts the run of a tool or an agent.
    fn run_start(&self, run: &Run) {
        let mut attributes = Vec::new();
        let mut above = run.parent_ids().iter().rev();
        let above = || above.find_map(|id| self.open.with(*id, |above| above.agent.clone())?);
        let agent = agent(run).or_else(above);
        let agent = agent.map(|it| text(names::AGENT_NAME, bounded(&self.labels.agents, &it)));
        match run.run_type() {
            RunType::Tool if self.instruments.tool_duration.is_some() => {
                let name = bounded(&self.labels.tools, run.name());
                attributes.push(text(names::TOOL_NAME, name));
                let kind = metadata(run, names::TOOL_TYPE);
                let kind = kind.map(|kind| bounded(&self.labels.tools, kind));
                attributes.extend(kind.map(|kind| text(names::TOOL_TYPE, kind)));
            }
            RunType::Chain if is_agent(run, &self.open, |above| above.agent.clone()) => {}
            _ => return,
        }
        attributes.extend(agent);
        self.open(run, attributes);
    }

    fn open(&self, run: &Run, mut attributes: Vec<KeyValue>) {
        for (key, values) in &self.labels.metadata {
            if let Some(value) = run.metadata().get(&**key).and_then(scalar) {
                let value = bounded(values, &value);
                attributes.push(KeyValue::new(format!("{}{key}", names::RUN_METADATA), value));
            }
        }
        let (attributes, agent) = (attributes.into(), agent(run));
        self.open.insert(run, OpenCall { attributes, agent, last_chunk: None });
    }

    fn run_end(&self, run: &Run, duration: Duration, error: Option<&RunError>) {
        let Some(call) = self.open.remove(run) else { return };
        let duration_of = match run.run_type() {
            RunType::Tool => &self.instruments.tool_duration,
            _ => &self.instruments.agent_duration,
        };
        if let Some(instrument) = duration_of {
            let mut attributes = call.attributes.to_vec();
            attributes.extend(self.error(error));
            instrument.record(duration.as_secs_f64(), &attributes);
        }
    }

    fn error(&self, error: Option<&RunError>) -> Option<KeyValue> {
        let error = bounded(&self.labels.errors, &error_type(error?));
        Some(text(names::ERROR_TYPE, error))
    }

    fn token(&self, run: &Run, time: SystemTime) {
        let chunk = self.open.with(run.run_id(), |call| {
            let before = call.last_chunk.replace(time)?;
            Some((before, Arc::clone(&call.attributes)))
        });
        // Outside of the lock: the instrument may run user code.
        if let Some((before, attributes)) = chunk.flatten() {
            // The system clock may have been set back.
            let elapsed = time.duration_since(before).unwrap_or_default();
            self.instruments.time_per_output_chunk.record(elapsed.as_secs_f64(), &attributes);
        }
    }

    fn end(&self, run: &Run, result: &LlmResult, error: Option<&RunError>) {
        let measured = self.outermost.end(run);
        let Some(call) = self.open.remove(run).filter(|_| measured) else { return };
        let mut attributes = call.attributes.to_vec();
        let model = result.model.as_deref();
        let model = model.map(|model| bounded(&self.labels.response_models, model));
        attributes.extend(model.map(|model| text(names::RESPONSE_MODEL, model)));
        if let Some(first) = result.time_to_first_token {
            self.instruments.time_to_first_chunk.record(first.as_secs_f64(), &attributes);
        }
        let embeddings = self.instruments.embeddings.as_ref();
        if let Some((duration, input)) = embeddings.filter(|_| run.run_type() == RunType::Embedding)
        {
            let tokens = result.usage.as_ref().and_then(|usage| usage.input_tokens);
            tokens.into_iter().for_each(|tokens| input.record(tokens, &attributes));
            attributes.extend(self.error(error));
            return duration.record(result.duration.as_secs_f64(), &attributes);
        }
        attributes.extend(of_openai(result).map(|(name, value)| {
            let is_tier = name == names::OPENAI_RESPONSE_TIER;
            let labels = if is_tier { &self.labels.tiers } else { &self.labels.fingerprints };
            text(name, bounded(labels, value))
        }));
        if let Some(usage) = &result.usage {
            self.instruments.usage(usage, result.usage_raw.as_ref(), &attributes);
        }
        attributes.extend(self.error(error));
        self.instruments.duration.record(result.duration.as_secs_f64(), &attributes);
    }
}

impl CallbackHandler for OtelMetrics {
    fn event_mask(&self) -> EventMask {
        let mut ends = EventMask::MODELS - EventMask::LLM_NEW_TOKEN;
        if self.0.instruments.of_runs() {
            ends |= EventMask::TOOL | EventMask::CHAIN;
        }
        match self.0.chunk_times {
            true => ends | EventMask::LLM_NEW_TOKEN | EventMask::TOKEN_TIMES,
            false => ends,
        }
    }

    fn identity(&self) -> Option<Identity> {
        Some(Identity::of(&self.0))
    }

    fn on_event(&self, run: &Run, event: &Event) {
        match event.data() {
            EventData::LlmStart(start) | EventData::ModelStart(_, start) => {
                self.0.start(run, start);
            }
            EventData::LlmNewToken(_) => self.0.token(run, event.time()),
            EventData::RunStart(..) => self.0.run_start(run),
            EventData::RunEnd(_, output) => self.0.run_end(run, output.duration, None),
            EventData::RunError(_, error) => self.0.run_end(run, error.duration(), Some(error)),
            data => {
                if let Some(result) = data.result() {
                    self.0.end(run, result, data.error());
                }
            }
        }
    }
}

impl fmt::Debug for OtelMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtelMetrics").field("open", &self.0.open).finish_non_exhaustive()
    }
}
