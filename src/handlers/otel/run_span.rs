//! What spans of all runs have in common, and the spans of chains, tools and retrievers.

use std::{sync::atomic::Ordering, time::SystemTime};

use opentelemetry::{
    KeyValue,
    global::BoxedSpan,
    trace::{Span, SpanBuilder, TraceContextExt, Tracer},
};
use serde_json::Value;

use super::{
    agent::{agent, is_agent},
    names,
    parent::{parent, trace_parent},
    span::{CallStart, OpenSpan},
    spans::SpansInner,
    starting::runnable_span,
    value::{as_text, cut, text},
};
use crate::{
    event::{CustomEvent, Retry, RunError, RunInput, RunOutput},
    run::{Run, RunType},
};

impl SpansInner {
    /// Starts a run's span and sets it as the run's span context.
    pub(super) fn open(
        &self,
        run: &Run,
        builder: SpanBuilder,
        (is_call, call_start): (bool, Option<CallStart>),
        add: impl FnOnce(&mut BoxedSpan),
    ) {
        let parent = parent(&self.open, run);
        let mut span = self.tracer.build_with_context(builder, &parent);
        add(&mut span);
        let context = span.span_context().clone();
        if let Some(span) = trace_parent(&context) {
            run.set_span_context(span);
            run.set_otel_context(parent.with_remote_span_context(context.clone()));
        } else {
            // No SDK, or the parent is suppressed: so is what the call starts.
            run.set_otel_context(parent);
        }
        let open = OpenSpan { span, context, agent: agent(run), is_call, call_start };
        if let Some(oldest) = self.open.insert(run, open) {
            self.given_up.fetch_add(1, Ordering::Relaxed);
            oldest.give_up();
        }
    }

    pub(super) fn start(&self, run: &Run, input: &RunInput) {
        let is_agent = is_agent(run, &self.open, |above| above.agent.clone());
        let mut builder = runnable_span(run, input, is_agent);
        builder.attributes.get_or_insert_default().extend(self.identity.attributes(run));
        self.open(run, builder, (true, None), |span| {
            for profile in &self.profiles {
                span.set_attributes(profile.start(run, input, is_agent, &self.identity));
            }
            self.record_content(span, run, true, input.input.as_ref());
        });
    }

    pub(super) fn end(&self, run: &Run, output: &RunOutput) {
        let Some(mut open) = self.open.remove(run) else { return };
        self.record_content(&mut open.span, run, false, output.output.as_ref());
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
            value => Some(text(names::CUSTOM_VALUE, as_text(value))),
        };
        self.event(run, cut(&custom.name), time, value.into_iter().collect());
    }

    fn event(&self, run: &Run, name: String, time: SystemTime, attributes: Vec<KeyValue>) {
        // Under the lock: adding an event to a span calls no span processor, ending the span does.
        self.open.with(run.run_id(), |open| {
            open.span.add_event_with_timestamp(name, time, attributes);
        });
    }

    /// Records the input, or the output, of a run that is no model call, if content is recorded.
    fn record_content(
        &self,
        span: &mut BoxedSpan,
        run: &Run,
        is_input: bool,
        value: Option<&Value>,
    ) {
        let Some(value) = value.filter(|_| self.content.on_spans() && span.is_recording()) else {
            return;
        };
        let key = match (run.run_type(), is_input) {
            (RunType::Tool, true) => Some(names::TOOL_ARGUMENTS),
            (RunType::Tool, false) => Some(names::TOOL_RESULT),
            (RunType::Retriever, true) => Some(names::RETRIEVAL_QUERY),
            (RunType::Retriever, false) => Some(names::RETRIEVAL_DOCUMENTS),
            _ => None,
        };
        span.set_attributes(key.map(|key| text(key, as_text(value))));
        for profile in &self.profiles {
            span.set_attributes(profile.value(run, is_input, value));
        }
    }
}
