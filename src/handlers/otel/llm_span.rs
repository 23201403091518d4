//! The spans of model calls.

use std::sync::Arc;

use opentelemetry::{
    KeyValue,
    logs::{AnyValue, Severity},
    trace::{Span, SpanKind},
};
use serde_json::Value;

use super::{
    error_type::error_type,
    facts::Facts,
    logs::LogEvent,
    message::{Prompt, output},
    names, result,
    span::{Asked, OpenSpan, end_time},
    spans::Shared,
    starting::builder,
    tools,
    value::{of_attribute, structured, text},
};
use crate::{
    event::{LlmResult, LlmStart, RunError},
    run::Run,
};

/// Content, by the attribute it is in.
type Content = Vec<(&'static str, Value)>;

impl Shared {
    pub(super) fn llm_start(&self, run: &Run, start: &Arc<LlmStart>) {
        let facts = Facts::of(start);
        let attributes = facts.attributes(run, start, self.conventions);
        // A call inside a call is a part of it, such as a try.
        let is_call = self.outermost.start(run);
        let kind = if is_call { SpanKind::Client } else { SpanKind::Internal };
        let asked = (is_call && self.content.in_events())
            .then(|| Asked { start: Arc::clone(start), attributes: attributes.clone() });
        let builder = builder(run, facts.span_name(), kind, attributes);
        self.open(run, builder, (is_call, asked), |span| {
            if is_call && self.content.on_spans() && span.is_recording() {
                span.set_attributes(texts(given(start)));
            }
        });
    }

    pub(super) fn llm_end(&self, run: &Run, result: &LlmResult, error: Option<&RunError>) {
        self.outermost.end(run);
        let Some(mut open) = self.open.remove(run) else { return };
        let attributes = result::attributes(result, error.is_some(), self.conventions);
        let answered = || (names::OUTPUT_MESSAGES, output(result, error.is_some()));
        if let Some(asked) = open.asked.take() {
            self.details(run, &mut open, asked, &attributes, answered(), (result, error));
        }
        if let (true, Some(logs), Some(error)) = (open.is_call, &self.logs, error) {
            let mut attributes = vec![(names::EXCEPTION_TYPE.into(), error_type(error).into())];
            if self.content.on_spans() || self.content.in_events() {
                let message = AnyValue::from(error.message().to_owned());
                attributes.push((names::EXCEPTION_MESSAGE.into(), message));
            }
            logs.emit(LogEvent {
                name: names::EXCEPTION,
                severity: Severity::Warn,
                time: end_time(run, result.duration),
                span: &open.context,
                attributes,
            });
        }
        if open.span.is_recording() {
            open.span.set_attributes(attributes);
            if open.is_call && self.content.on_spans() {
                open.span.set_attributes(texts(vec![answered()]));
            }
            if let Some(error) = error {
                open.fail(error, self.content.on_spans());
            }
        }
        open.end(run, result.duration);
    }

    /// The event that tells all of a call.
    fn details(
        &self,
        run: &Run,
        open: &mut OpenSpan,
        asked: Asked,
        attributes: &[KeyValue],
        answered: (&'static str, Value),
        (result, error): (&LlmResult, Option<&RunError>),
    ) {
        let failed = error.map(|error| text(names::ERROR_TYPE, error_type(error)));
        let mut content = given(&asked.start);
        content.push(answered);
        let all = asked.attributes.into_iter().chain(attributes.iter().cloned()).chain(failed);
        let time = end_time(run, result.duration);
        let Some(logs) = &self.logs else {
            let all = all.chain(texts(content)).collect();
            return open.span.add_event_with_timestamp(names::DETAILS, time, all);
        };
        let all = all.map(|it| (it.key, of_attribute(it.value)));
        let content = content.into_iter().map(|(key, value)| (key.into(), structured(&value)));
        logs.emit(LogEvent {
            name: names::DETAILS,
            severity: Severity::Info,
            time,
            span: &open.context,
            attributes: all.chain(content).collect(),
        });
    }
}

/// What a model is given, as far as it is captured.
fn given(start: &LlmStart) -> Content {
    let mut content = Content::new();
    if let Some(Prompt { system, messages }) = Prompt::of(start) {
        content.extend(system.map(|system| (names::SYSTEM_INSTRUCTIONS, system)));
        content.push((names::INPUT_MESSAGES, messages));
    }
    content.extend(tools::definitions(&start.params).map(|it| (names::TOOL_DEFINITIONS, it)));
    content
}

/// Spans have no structured attributes: JSON stands in a text.
fn texts(content: Content) -> Vec<KeyValue> {
    content.into_iter().map(|(key, value)| text(key, value.to_string())).collect()
}
