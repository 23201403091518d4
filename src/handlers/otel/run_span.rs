//! What spans of all runs have in common, and those of chains, tools and retrievers.

use std::{sync::atomic::Ordering, time::SystemTime};

use opentelemetry::{
    KeyValue,
    global::BoxedSpan,
    trace::{Span, SpanBuilder, Tracer},
};
use serde_json::Value;

use super::{
    agent::agent,
    names,
    parent::{named, parent},
    span::{Asked, OpenSpan},
    spans::Shared,
    starting::of_runnable,
    value::{cut, text},
};
use crate::{
    event::{CustomEvent, Retry, RunError, RunInput, RunOutput},
    run::{Run, RunType},
};

impl Shared {
    /// Makes a run's span, and says that it stands for the run.
    pub(super) fn open(
        &self,
        run: &Run,
        builder: SpanBuilder,
        (is_call, asked): (bool, Option<Asked>),
        add: impl FnOnce(&mut BoxedSpan),
    ) {
        let mut span = self.tracer.build_with_context(builder, &parent(&self.open, run));
        add(&mut span);
        let context = span.span_context().clone();
        if let Some(span) = named(&context) {
            run.set_span_context(span);
        }
        let open = OpenSpan { span, context, agent: agent(run), is_call, asked };
        if let Some(oldest) = self.open.insert(run, open) {
            self.given_up.fetch_add(1, Ordering::Relaxed);
            oldest.give_up();
        }
    }

    pub(super) fn start(&self, run: &Run, input: &RunInput) {
        let builder = of_runnable(run, input, self.is_agent(run));
        self.open(run, builder, (true, None), |span| {
            let key = match run.run_type() {
                RunType::Tool => Some(names::TOOL_ARGUMENTS),
                RunType::Retriever => Some(names::RETRIEVAL_QUERY),
                _ => None,
            };
            self.content_of(span, key, input.input.as_ref());
        });
    }

    /// Metadata may be inherited: then the agent is the run above that has them too.
    fn is_agent(&self, run: &Run) -> bool {
        let Some(name) = agent(run) else { return false };
        let mut above = run.parent_ids().iter().rev();
        let above = above.find_map(|id| self.open.with(*id, |above| above.agent.clone()));
        run.run_type() == RunType::Chain && above.flatten() != Some(name)
    }

    pub(super) fn end(&self, run: &Run, output: &RunOutput) {
        let Some(mut open) = self.open.remove(run) else { return };
        let key = match run.run_type() {
            RunType::Tool => Some(names::TOOL_RESULT),
            RunType::Retriever => Some(names::RETRIEVAL_DOCUMENTS),
            _ => None,
        };
        self.content_of(&mut open.span, key, output.output.as_ref());
        open.end(run, output.duration);
    }

    pub(super) fn error(&self, run: &Run, error: &RunError) {
        let Some(mut open) = self.open.remove(run) else { return };
        open.fail(error, self.content.on_spans());
        open.end(run, error.duration());
    }

    pub(super) fn retry(&self, run: &Run, retry: &Retry, time: SystemTime) {
        let mut attributes = vec![KeyValue::new(names::RETRY_ATTEMPT, i64::from(retry.attempt))];
        if self.content.on_spans() {
            attributes.push(text(names::RETRY_ERROR, retry.error.to_string()));
        }
        self.event(run, names::RETRY.to_owned(), time, attributes);
    }

    pub(super) fn custom(&self, run: &Run, custom: &CustomEvent, time: SystemTime) {
        let value = match &custom.value {
            Value::Bool(flag) => Some(KeyValue::new(names::CUSTOM_VALUE, *flag)),
            Value::Number(number) => Some(match number.as_i64() {
                Some(integer) => KeyValue::new(names::CUSTOM_VALUE, integer),
                None => KeyValue::new(names::CUSTOM_VALUE, number.as_f64().unwrap_or_default()),
            }),
            _ if !self.content.on_spans() => None,
            Value::Null => None,
            Value::String(value) => Some(text(names::CUSTOM_VALUE, value.clone())),
            other => Some(text(names::CUSTOM_VALUE, other.to_string())),
        };
        self.event(run, cut(&custom.name), time, value.into_iter().collect());
    }

    fn event(&self, run: &Run, name: String, time: SystemTime, attributes: Vec<KeyValue>) {
        // Under the lock: adding an event to a span calls no processor, only its end does.
        self.open.with(run.run_id(), |open| {
            open.span.add_event_with_timestamp(name, time, attributes);
        });
    }

    /// What a tool or retriever was given or made, where that is asked for: a text as it is, else JSON.
    fn content_of(&self, span: &mut BoxedSpan, key: Option<&'static str>, value: Option<&Value>) {
        let (Some(key), Some(value)) = (key, value) else { return };
        if self.content.on_spans() && span.is_recording() {
            let said = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            span.set_attribute(text(key, said));
        }
    }
}
