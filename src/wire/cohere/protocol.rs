use std::mem::take;

use super::{answer::AnswerState, event::Event};
use crate::{
    event::{Delta, ProviderError},
    wire::{
        error::{in_band, said},
        json::{self, ReadError, Text},
        protocol::Protocol,
    },
};

/// The protocol of Cohere's events and answers, of both versions.
#[derive(Debug, Default)]
pub(super) struct Cohere {
    answer: AnswerState,
}

impl Protocol for Cohere {
    fn event(
        &mut self,
        name: Option<&str>,
        data: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), ReadError> {
        let event: Event<'_> = match data {
            // The end mark of another protocol, which gateways append.
            "[DONE]" => return Ok(()),
            // An event may be only a name.
            "" => Event::default(),
            data => json::read(data)?,
        };
        self.read(name, event, data, each);
        Ok(())
    }

    fn repeats(&self) -> bool {
        true
    }

    fn whole(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), ReadError> {
        let mut event: Event<'_> = json::read(json)?;
        if event.event_type.as_deref().is_some() {
            // A stream of a single line.
            self.read(None, event, json, each);
            return Ok(());
        }
        let text = event.text.as_deref().is_some() || event.generations.0.is_some();
        let answered = event.message.0.is_some() || text;
        let suspect = !answered || event.error.is_some();
        if let Some(error) = suspect.then(|| said(json, answered)).flatten() {
            each(Delta::Error(error));
            return Ok(());
        }
        if !answered {
            return Err(ReadError::Unreadable);
        }
        each(Delta::NotStreamed);
        self.answer.id(&mut event, each);
        if let Some(message) = event.message.0.take() {
            self.answer.message(message, None, each);
        }
        if let Some(usage) = event.usage.0.take() {
            AnswerState::usage(usage, each);
        }
        let reason = self.answer.answer_v1(event, each);
        self.end(reason, json, each);
        Ok(())
    }

    fn eof(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        self.answer.end(each);
    }
}

impl Cohere {
    fn read(
        &mut self,
        name: Option<&str>,
        mut event: Event<'_>,
        data: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        let answer = &mut self.answer;
        let (kind, kind_v1) = (take(&mut event.kind), take(&mut event.event_type));
        match kind.as_deref().or(kind_v1.as_deref()).or(name).unwrap_or_default() {
            "message-start" | "stream-start" => answer.id(&mut event, each),
            "content-start" | "content-delta" | "tool-call-start" | "tool-call-delta" => {
                if let Some(message) = event.delta.0.and_then(|delta| delta.message.0) {
                    answer.message(message, event.index.0, each);
                }
            }
            "text-generation" => {
                let choice = event.index.0.and_then(|index| u32::try_from(index).ok());
                answer.text(choice.unwrap_or(0), event.text, each);
            }
            "tool-calls-chunk" => {
                if let Some(call) = event.tool_call_delta.0 {
                    answer.call_v1(call, each);
                }
            }
            "tool-calls-generation" => {
                answer.calls_v1(event.tool_calls.0.unwrap_or_default(), each);
            }
            "message-end" => {
                let delta = event.delta.0.unwrap_or_default();
                if let Some(usage) = delta.usage.0 {
                    AnswerState::usage(usage, each);
                }
                match delta.error {
                    Some(_) => self.failed(data, each),
                    None => self.end(delta.finish_reason, data, each),
                }
            }
            "stream-end" => {
                let response = event.response.0.take();
                let whole = response.map(|response| answer.answer_v1(*response, each));
                let reason = match event.finish_reason.as_deref() {
                    Some(_) => event.finish_reason,
                    None => whole.unwrap_or_default(),
                };
                self.end(reason, data, each);
            }
            "tool-plan-delta"
            | "content-end"
            | "tool-call-end"
            | "citation-start"
            | "citation-end"
            | "citation-generation"
            | "search-queries-generation"
            | "search-results"
            | "debug" => {}
            _ => {
                if let Some(error) = said(data, false) {
                    each(Delta::Error(error));
                }
            }
        }
    }

    /// Ends the answer, whose JSON text has the message of an error.
    fn end(&mut self, reason: Text<'_>, json: &str, each: &mut dyn FnMut(Delta<'_>)) {
        self.answer.end(each);
        let reason = reason.reason();
        // Version 1 says which error: `ERROR_TOXIC`, `ERROR_LIMIT`.
        let failed = reason.as_deref().is_some_and(|it| it.starts_with("ERROR") || it == "TIMEOUT");
        if let Some(reason) = reason {
            each(Delta::Finish { choice: 0, reason });
        }
        match failed {
            true => self.failed(json, each),
            false => each(Delta::Done),
        }
    }

    fn failed(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) {
        self.answer.end(each);
        // The type of the event is no code.
        let error = ProviderError { code: None, ..in_band(json) };
        each(Delta::Error(error));
    }
}
