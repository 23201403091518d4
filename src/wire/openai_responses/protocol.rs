use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    answer::{AnswerState, CallArguments, Repeated},
    event::{Event, Response},
    items::{Key, Reasoning},
};
use crate::{
    event::{Delta, ProviderError},
    wire::{
        error::{in_band, said},
        json::{self, ReadError, Text},
        json_text::JsonText,
        protocol::Protocol,
        usage::{self, Details},
    },
};

/// The protocol of the Responses API.
#[derive(Debug, Default)]
pub(super) struct Responses {
    answer: AnswerState,
}

impl Protocol for Responses {
    fn event(
        &mut self,
        name: Option<&str>,
        data: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), ReadError> {
        let mut event: Event<'_> = match data {
            // Gateways append it to any stream, even a truncated one.
            "[DONE]" => {
                if self.answer.looks_complete() {
                    each(Delta::Done);
                }
                return Ok(());
            }
            "" => Event::default(),
            data => json::read(data)?,
        };
        let answer = &mut self.answer;
        let typed = std::mem::take(&mut event.kind);
        let kind = typed.as_deref().or(name).unwrap_or_default();
        match kind {
            "response.output_text.delta" => answer.text(event, each),
            "response.refusal.delta" => answer.refusal(event, each),
            "response.reasoning_summary_text.delta" => {
                answer.reasoning(Reasoning::Summary, event, each);
            }
            "response.reasoning_text.delta" | "response.reasoning.delta" => {
                answer.reasoning(Reasoning::Raw, event, each);
            }
            "response.audio.transcript.delta" | "response.output_audio_transcript.delta" => {
                answer.text(event, each);
            }
            // The texts once more, or for the first time.
            "response.output_text.done" => answer.done(Repeated::Text, event, each),
            "response.refusal.done" => answer.done(Repeated::Refusal, event, each),
            "response.reasoning_summary_text.done" | "response.reasoning_text.done" => {
                answer.done(Repeated::Reasoning, event, each);
            }
            "response.function_call_arguments.delta" => {
                let key = Key::new(event.output_index, event.item_id.as_deref());
                answer.arguments(key, CallArguments::Fragment(fragment(event.delta, data)), each);
            }
            "response.custom_tool_call_input.delta" => {
                let key = Key::new(event.output_index, event.item_id.as_deref());
                let arguments = CallArguments::FreeFragment(fragment(event.delta, data));
                answer.arguments(key, arguments, each);
            }
            "response.function_call_arguments.done" => {
                let key = Key::new(event.output_index, event.item_id.as_deref());
                answer.arguments(key, CallArguments::Whole(event.arguments), each);
            }
            "response.custom_tool_call_input.done" => {
                let key = Key::new(event.output_index, event.item_id.as_deref());
                answer.arguments(key, CallArguments::Whole(event.input), each);
            }
            "response.shell_call_command.delta" => answer.command(event, each),
            "response.output_item.added" => {
                if let Some(item) = event.item.0 {
                    answer.open(event.output_index, item, each);
                }
            }
            "response.output_item.done" => {
                if let Some(item) = event.item.0 {
                    answer.close(event.output_index, item, each);
                }
            }
            "response.created" | "response.queued" | "response.in_progress" => {
                if let Some(mut response) = event.response.0 {
                    answer.response(&mut response, each);
                }
            }
            // Of the Realtime API, and of gateways that name every end so.
            "response.completed"
            | "response.done"
            | "response.incomplete"
            | "response.failed"
            | "response.cancelled" => {
                let response = event.response.0.unwrap_or_default();
                let status =
                    kind.strip_prefix("response.").and_then(terminal).or(Some("completed"));
                // Only `response.completed` and `response.done` may have another status.
                let status = match response.status.as_deref().and_then(terminal) {
                    Some(other) if status == Some("completed") => Some(other),
                    _ => status,
                };
                self.end(status, response, each);
            }
            // Gateways omit the type, or replace it by the type of the error.
            "error" => each(Delta::Error(in_band(data))),
            _ => {
                if let Some(error) = event.suspect.0.then(|| said(data, false)).flatten() {
                    each(Delta::Error(error));
                }
            }
        }
        Ok(())
    }

    fn whole(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), ReadError> {
        let response: Response<'_> = json::read(json)?;
        let is_response =
            response.object.as_deref() == Some("response") || response.output.0.is_some();
        if !is_response {
            each(Delta::Error(said(json, false).ok_or(ReadError::Unreadable)?));
            return Ok(());
        }
        each(Delta::NotStreamed);
        let status = response.status.as_deref().and_then(terminal);
        self.end(status, response, each);
        Ok(())
    }
}

impl Responses {
    /// Ends the answer with a status. An answer without one continues in the background.
    fn end(
        &mut self,
        status: Option<&'static str>,
        mut response: Response<'_>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        self.answer.response(&mut response, each);
        self.answer.end(each);
        let mut uses = Details::new();
        usage::detail(&mut uses, "tool_usage", &response.tool_usage);
        // What a compaction keeps of the conversation is no answer, and its summary is encrypted.
        if response.object.as_deref() != Some("response.compaction") {
            self.answer.output(response.output.0.unwrap_or_default(), each);
            self.answer.rest(response.output_text, each);
        }
        if let Some(usage) = response.usage.0 {
            // What counts as a use is the provider's word, where it has one.
            let uses = self.answer.uses().into_iter().chain(uses).collect();
            usage::emit_with(usage, response.service_tier.filled().as_deref(), uses, each);
        }
        let reason = match status {
            Some("failed") => {
                each(Delta::Error(failure(response.error.map(RawValue::get))));
                return;
            }
            Some("cancelled") => {
                let cancelled = ProviderError::new("the response was cancelled").code("cancelled");
                each(Delta::Error(cancelled));
                return;
            }
            Some("incomplete") => {
                let details = response.incomplete_details.0.unwrap_or_default();
                Some(details.reason.filled().unwrap_or(Cow::Borrowed("incomplete")))
            }
            Some(other) => Some(Cow::Borrowed(other)),
            // The answer is made in the background, and this one says only that.
            None => response.status.filled(),
        };
        if let Some(reason) = reason {
            each(Delta::Finish { choice: 0, reason });
        }
        each(Delta::Done);
    }
}

/// Returns a fragment of arguments. The delta of an event is read as a text, which it nearly always is.
fn fragment<'a>(delta: Text<'a>, event: &'a str) -> Cow<'a, str> {
    delta.into_inner().unwrap_or_else(|| JsonText::member(event, "delta").0)
}

/// Returns a status if it is terminal.
fn terminal(status: &str) -> Option<&'static str> {
    ["completed", "incomplete", "failed", "cancelled"].into_iter().find(|known| *known == status)
}

fn failure(error: Option<&str>) -> ProviderError {
    in_band(&format!("{{\"error\":{}}}", error.unwrap_or("null")))
}
