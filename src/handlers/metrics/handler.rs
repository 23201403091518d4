use std::{fmt, sync::Arc, time::Duration};

use metrics::{Label, SharedString, counter, gauge, histogram};

use super::{
    LlmMetricsBuilder,
    describe::{
        COST, DURATION, ENDED, FIRST_TOKEN, IN_FLIGHT, INTERVAL, RETRIES, STARTED, TOKEN_EVENTS,
        TOKENS,
    },
    live::{Live, TokenTimer, record_token},
};
use crate::{
    event::{Event, EventData, LlmResult, LlmStart, RunCost, RunError},
    handler::{CallbackHandler, EventMask, Identity, Open},
    handlers::{
        labels::{Labels, scalar},
        outermost::Outermost,
    },
    run::Run,
};

/// A handler that records runs as metrics of the [`metrics`] facade.
///
/// | metric | type | labels |
/// |---|---|---|
/// | `llm_runs_started_total` | counter | `run_type`; for models `provider`, `api`, `model`, for others `name` |
/// | `llm_runs_ended_total`, `llm_run_duration_seconds` | counter, histogram | the same, and `outcome`: `completed`, or the kind of error |
/// | `llm_runs_in_flight` | gauge | as started |
/// | `llm_time_to_first_token_seconds`, `llm_inter_token_seconds` | histograms | as started |
/// | `llm_token_events_total` | counter | as started |
/// | `llm_tokens_total` | counter | as started, and `direction`: `input`, `output`, and their parts `cache_read`, `cache_write`, `reasoning`; `source`: `reported` by the provider, or [`estimated`](crate::estimate) |
/// | `llm_cost_nanos_total` | counter | as started, and `currency`, and `estimated`: [`true` or `false`](crate::event::RunCost::estimated). In billionths of the currency's unit, since counters are whole numbers: `rate(…) / 1e9` |
/// | `llm_retries_total` | counter | as started |
///
/// Token counts are recorded however a run ends, and so are costs, if the layer [prices](crate::CallbackLayer::prices) its
/// calls. A model's run inside another one is the same call (a
/// typed layer over an HTTP layer) and is counted once. Labels contain no content. Clients and models choose the
/// values of `model`, `provider`, `api` and `name`: each label has a
/// [bounded number](LlmMetricsBuilder::max_label_values) of values, all others become `other`.
///
/// Create the handler after the process's recorder is installed, so that the recorder gets the metrics'
/// descriptions. Add it as an inline handler. It keeps about 300 bytes for each run in flight. Clones share their
/// state, and count as one handler.
///
/// ```
/// use tower_llm_callbacks::{CallbackLayer, Callbacks, handlers::LlmMetrics};
///
/// let layer = CallbackLayer::new(Callbacks::new().inline(LlmMetrics::new()));
/// ```
#[derive(Clone)]
pub struct LlmMetrics(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) open: Open<Live>,
    pub(super) outermost: Outermost,
    /// Whether token events are recorded.
    pub(super) tokens: bool,
    pub(super) providers: Labels,
    pub(super) apis: Labels,
    pub(super) models: Labels,
    pub(super) names: Labels,
    /// Further labels, by the key of the metadata.
    pub(super) metadata: Vec<(Arc<str>, Labels)>,
}

impl Default for LlmMetrics {
    fn default() -> Self {
        Self::new()
    }
}

impl LlmMetrics {
    /// Creates a handler with the default settings.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a builder.
    pub fn builder() -> LlmMetricsBuilder {
        LlmMetricsBuilder::new()
    }

    fn start(&self, run: &Run, model: Option<&LlmStart>) {
        if model.is_some() && !self.0.outermost.start(run) {
            return;
        }
        let labels = self.labels(run, model);
        counter!(STARTED, labels.clone()).increment(1);
        let in_flight = gauge!(IN_FLIGHT, labels.clone());
        in_flight.increment(1);
        let tokens = model.map(|_| {
            let count = counter!(TOKEN_EVENTS, labels.clone());
            TokenTimer::new(count, histogram!(INTERVAL, labels.clone()))
        });
        if let Some(evicted) = self.0.open.insert(run, Live { labels, in_flight, tokens }) {
            evicted.in_flight.decrement(1);
        }
    }

    fn labels(&self, run: &Run, model: Option<&LlmStart>) -> Vec<Label> {
        let mut labels = vec![Label::from_static_parts("run_type", run.run_type().as_str())];
        for (key, values) in &self.0.metadata {
            let value = run.metadata().get(&**key).and_then(scalar).unwrap_or_default();
            labels.push(label(Arc::clone(key), values, &value));
        }
        let Some(start) = model else {
            labels.push(label("name", &self.0.names, run.name()));
            return labels;
        };
        let Inner { providers, apis, models, .. } = &*self.0;
        labels.push(label("provider", providers, &start.provider));
        labels.push(label("api", apis, &start.api));
        labels.push(label("model", models, start.model.as_deref().unwrap_or_default()));
        labels
    }

    fn end(
        &self,
        run: &Run,
        outcome: &'static str,
        duration: Duration,
        result: Option<&LlmResult>,
    ) {
        if result.is_some() {
            self.0.outermost.end(run);
        }
        let Some(Live { labels, in_flight, .. }) = self.0.open.remove(run) else { return };
        in_flight.decrement(1);
        if let Some(result) = result {
            record_usage(&labels, result);
            record_cost(&labels, result.cost.as_ref());
        }
        let mut labels = labels;
        labels.push(Label::from_static_parts("outcome", outcome));
        counter!(ENDED, labels.clone()).increment(1);
        histogram!(DURATION, labels).record(duration);
    }

    fn error(&self, run: &Run, error: &RunError, result: Option<&LlmResult>) {
        self.end(run, error.kind().as_str(), error.duration(), result);
    }
}

impl CallbackHandler for LlmMetrics {
    fn event_mask(&self) -> EventMask {
        let all = EventMask::ALL - EventMask::TOKEN_TIMES - EventMask::CUSTOM;
        if self.0.tokens { all } else { all - EventMask::LLM_NEW_TOKEN }
    }

    fn identity(&self) -> Option<Identity> {
        Some(Identity::of(&self.0))
    }

    fn on_event(&self, run: &Run, event: &Event) {
        match event.data() {
            EventData::LlmNewToken(_) => record_token(&self.0.open, run),
            EventData::LlmStart(start) | EventData::ModelStart(_, start) => {
                self.start(run, Some(start));
            }
            EventData::RunStart(_, _) => {
                self.start(run, None);
            }
            EventData::LlmEnd(result) | EventData::ModelEnd(_, result) => {
                self.end(run, "completed", result.duration, Some(result));
            }
            EventData::RunEnd(_, output) => self.end(run, "completed", output.duration, None),
            EventData::LlmError(error) | EventData::ModelError(_, error) => {
                self.error(run, error, error.result());
            }
            EventData::RunError(_, error) => self.error(run, error, None),
            EventData::Retry(_) => {
                if let Some(labels) = self.0.open.with(run.run_id(), |live| live.labels.clone()) {
                    counter!(RETRIES, labels).increment(1);
                }
            }
            EventData::Custom(_) => {}
        }
    }
}

fn label(name: impl Into<SharedString>, labels: &Labels, value: &str) -> Label {
    let value = labels.of(value).map_or(SharedString::const_str("other"), SharedString::from);
    Label::new(name, value)
}

fn record_usage(labels: &[Label], result: &LlmResult) {
    if let Some(time) = result.time_to_first_token {
        histogram!(FIRST_TOKEN, labels.to_vec()).record(time);
    }
    let Some(usage) = &result.usage else { return };
    let (input, output) = (usage.source.input, usage.source.output);
    for (direction, tokens, source) in [
        ("input", usage.input_tokens, input),
        ("output", usage.output_tokens, output),
        ("cache_read", usage.cache_read_tokens, input),
        ("cache_write", usage.cache_write_tokens, input),
        ("reasoning", usage.reasoning_tokens, output),
    ] {
        if let Some(tokens) = tokens.filter(|tokens| *tokens > 0) {
            let source = match source {
                Some(source) if !source.is_reported() => "estimated",
                _ => "reported",
            };
            let mut labels = labels.to_vec();
            labels.push(Label::from_static_parts("direction", direction));
            labels.push(Label::from_static_parts("source", source));
            counter!(TOKENS, labels).increment(tokens);
        }
    }
}

fn record_cost(labels: &[Label], cost: Option<&RunCost>) {
    let Some(RunCost { currency, amount, estimated, .. }) = cost else { return };
    let mut labels = labels.to_vec();
    labels.push(Label::new("currency", Arc::clone(currency)));
    let estimated = if *estimated { "true" } else { "false" };
    labels.push(Label::from_static_parts("estimated", estimated));
    let nanos = u64::try_from(amount.pico() / 1_000).unwrap_or(u64::MAX);
    counter!(COST, labels).increment(nanos);
}

impl fmt::Debug for LlmMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LlmMetrics").field("in_flight", &self.0.open.len()).finish_non_exhaustive()
    }
}
