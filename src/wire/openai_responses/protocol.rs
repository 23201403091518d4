use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    answer::{Answer, Arguments},
    event::{Event, Response},
    items::{Key, Reasoning},
    usage,
};
use crate::{
    event::{Delta, ProviderError},
    wire::{
        error::within_answer,
        json::{self, Fault},
        protocol::Protocol,
    },
};

/// What the events and objects of the Responses API say.
#[derive(Debug, Default)]
pub(super) struct Responses {
    answer: Answer,
}

impl Protocol for Responses {
    fn event(
        &mut self,
        name: Option<&str>,
        data: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), Fault> {
        let mut event: Event<'_> = match data {
            // Gateways append it to any stream, broken ones too.
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
            "response.reasoning_text.delta" => answer.reasoning(Reasoning::Raw, event, each),
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                let key = Key::new(&event.output_index, event.item_id.as_deref());
                answer.arguments(key, Arguments::Fragment(event.delta), each);
            }
            "response.function_call_arguments.done" => {
                let key = Key::new(&event.output_index, event.item_id.as_deref());
                answer.arguments(key, Arguments::All(event.arguments), each);
            }
            "response.custom_tool_call_input.done" => {
                let key = Key::new(&event.output_index, event.item_id.as_deref());
                answer.arguments(key, Arguments::All(event.input), each);
            }
            "response.output_item.added" => {
                if let Some(item) = event.item.0 {
                    answer.open(&event.output_index, item, each);
                }
            }
            "response.output_item.done" => {
                if let Some(item) = event.item.0 {
                    answer.close(&event.output_index, item, each);
                }
            }
            "response.created" | "response.queued" | "response.in_progress" => {
                if let Some(mut response) = event.response.0 {
                    answer.response(&mut response, each);
                }
            }
            "response.completed"
            | "response.incomplete"
            | "response.failed"
            | "response.cancelled" => {
                let response = event.response.0.unwrap_or_default();
                let status = kind.strip_prefix("response.").and_then(terminal);
                // The other names leave no doubt.
                let status = match response.status.as_deref().and_then(terminal) {
                    Some(other) if status == Some("completed") => Some(other),
                    _ => status,
                };
                self.end(status, response, each);
            }
            // Gateways leave out the type, or put that of the error in its place.
            _ if kind == "error"
                || name == Some("error")
                || (typed.as_deref().is_none() && event.error.is_some()) =>
            {
                each(Delta::Error(within_answer(data)));
            }
            _ => {}
        }
        Ok(())
    }

    fn whole(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), Fault> {
        let response: Response<'_> = json::read(json)?;
        let is_response =
            response.object.as_deref() == Some("response") || response.output.0.is_some();
        if !is_response {
            if response.kind.as_deref() != Some("error") && response.error.is_none() {
                return Err(Fault::Unreadable);
            }
            each(Delta::Error(within_answer(json)));
            return Ok(());
        }
        each(Delta::NotStreamed);
        let status = response.status.as_deref().and_then(terminal);
        self.end(status, response, each);
        Ok(())
    }
}

impl Responses {
    /// The answer has ended with a status, or, without one, goes on elsewhere: in the background.
    fn end(
        &mut self,
        status: Option<&'static str>,
        mut response: Response<'_>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        self.answer.response(&mut response, each);
        self.answer.output(response.output.0.unwrap_or_default(), each);
        usage::tell(response.usage.0, each);
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
            other => other.map(Cow::Borrowed),
        };
        if let Some(reason) = reason {
            each(Delta::Finish { choice: 0, reason });
        }
        each(Delta::Done);
    }
}

/// A status that an answer ends in.
fn terminal(status: &str) -> Option<&'static str> {
    ["completed", "incomplete", "failed", "cancelled"].into_iter().find(|known| *known == status)
}

fn failure(error: Option<&str>) -> ProviderError {
    within_answer(&format!("{{\"error\":{}}}", error.unwrap_or("null")))
}
