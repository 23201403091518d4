//! Spans of model calls.

use std::sync::Arc;

use opentelemetry::{
    KeyValue,
    logs::{AnyValue, Severity},
    trace::{Span, SpanKind},
};
use serde_json::Value;

use super::{
    call_info::CallInfo,
    error_type::error_type,
    logs::LogEvent,
    message::{InputMessages, output},
    names, result,
    span::{CallStart, OpenSpan},
    spans::SpansInner,
    starting::span_builder,
    tools,
    value::{log_value, structured, text},
};
use crate::{
    event::{LlmResult, LlmStart, RunError},
    run::{Run, RunType},
};

/// Content by attribute name.
type ContentAttributes = Vec<(&'static str, Value)>;

impl SpansInner {
    pub(super) fn llm_start(&self, run: &Run, start: &Arc<LlmStart>) {
        let info = CallInfo::of(run, start);
        let mut attributes = info.attributes(run, start, self.conventions);
        attributes.extend(self.identity.attributes(run));
        // A model run inside another one is part of that call, such as one attempt.
        let is_call = self.outermost.start(run);
        let kind = if is_call { SpanKind::Client } else { SpanKind::Internal };
        let call_start = (is_call && self.content.in_events())
            .then(|| CallStart { start: Arc::clone(start), attributes: attributes.clone() });
        let builder = span_builder(run, info.span_name(), kind, attributes);
        self.open(run, builder, (is_call, call_start), |span| {
            if is_call && self.content.on_spans() && span.is_recording() {
                span.set_attributes(json_strings(input_content(run, start)));
            }
            if span.is_recording() {
                let with_content = is_call && self.content.on_spans();
                for profile in &self.profiles {
                    span.set_attributes(profile.llm_start(
                        run,
                        start,
                        &self.identity,
                        with_content,
                    ));
                }
            }
        });
    }

    pub(super) fn llm_end(&self, run: &Run, result: &LlmResult, error: Option<&RunError>) {
        self.outermost.end(run);
        let Some(mut open) = self.open.remove(run) else { return };
        let attributes = result::attributes(result, error.is_some(), self.conventions);
        let output = || {
            let output = (names::OUTPUT_MESSAGES, output(result, error.is_some()));
            (!result.choices.is_empty() || run.run_type() == RunType::Llm).then_some(output)
        };
        if let Some(start) = open.call_start.take() {
            self.emit_details(run, &mut open, start, &attributes, output(), (result, error));
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
                time: run.end_time(result.duration),
                span: &open.context,
                attributes,
            });
        }
        if open.span.is_recording() {
            open.span.set_attributes(attributes);
            if open.is_call && self.content.on_spans() {
                open.span.set_attributes(json_strings(output().into_iter().collect()));
            }
            for profile in &self.profiles {
                let with_content = open.is_call && self.content.on_spans();
                let of_profile = profile.llm_end(run, result, error.is_some(), with_content);
                open.span.set_attributes(of_profile);
            }
            if let Some(error) = error {
                open.fail(error, self.content.on_spans());
            }
        }
        open.end(run, result.duration);
    }

    /// Emits the event with all attributes and the content of a call.
    fn emit_details(
        &self,
        run: &Run,
        open: &mut OpenSpan,
        call: CallStart,
        attributes: &[KeyValue],
        output: Option<(&'static str, Value)>,
        (result, error): (&LlmResult, Option<&RunError>),
    ) {
        let error = error.map(|error| text(names::ERROR_TYPE, error_type(error)));
        let mut content = input_content(run, &call.start);
        content.extend(output);
        let all = call.attributes.into_iter().chain(attributes.iter().cloned()).chain(error);
        let time = run.end_time(result.duration);
        let Some(logs) = &self.logs else {
            let all = all.chain(json_strings(content)).collect();
            return open.span.add_event_with_timestamp(names::DETAILS, time, all);
        };
        let all = all.map(|it| (it.key, log_value(it.value)));
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

/// Returns the prompt and the tool definitions, as far as they are captured.
fn input_content(run: &Run, start: &LlmStart) -> ContentAttributes {
    let mut content = ContentAttributes::new();
    // The conventions have no attribute for the input of other models.
    if run.run_type() != RunType::Llm {
        return content;
    }
    if let Some(InputMessages { system, messages }) = InputMessages::of(start) {
        content.extend(system.map(|system| (names::SYSTEM_INSTRUCTIONS, system)));
        content.push((names::INPUT_MESSAGES, messages));
    }
    content.extend(tools::definitions(&start.params).map(|it| (names::TOOL_DEFINITIONS, it)));
    content
}

/// Encodes content as JSON strings: span attributes cannot be structured.
fn json_strings(content: ContentAttributes) -> Vec<KeyValue> {
    content.into_iter().map(|(key, value)| text(key, value.to_string())).collect()
}
