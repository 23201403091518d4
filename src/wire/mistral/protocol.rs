use std::mem::take;

use super::event::{Answer, Event};
use crate::{
    event::{Delta, ProviderError},
    wire::{
        error::{in_band, said},
        json::{self, ReadError, Text},
        message_content::Content,
        protocol::Protocol,
        tool_calls::{CallPiece, ToolCalls},
        usage,
    },
};

/// The protocol of conversations.
#[derive(Debug, Default)]
pub(super) struct Conversations {
    calls: ToolCalls,
    has_id: bool,
    has_model: bool,
}

impl Protocol for Conversations {
    fn event(
        &mut self,
        name: Option<&str>,
        data: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), ReadError> {
        let mut event: Event<'_> = match data {
            // The end mark of another protocol, which gateways append, and events that are only a name.
            "[DONE]" => return Ok(()),
            "" => Event::default(),
            data => json::read(data)?,
        };
        let kind = take(&mut event.kind);
        match kind.as_deref().or(name).unwrap_or_default() {
            "message.output.delta" => self.message(event, each),
            "function.call.delta" => self.call(event, each),
            "conversation.response.started" => {
                self.response(event.conversation_id, Text::default(), each);
            }
            "conversation.response.done" => {
                self.calls.end(each);
                if let Some(usage) = event.usage.0 {
                    usage::emit(usage, None, each);
                }
                each(Delta::Done);
            }
            "conversation.response.error" => {
                self.calls.end(each);
                // The type of the event is no code.
                let code = event.code.0.map(|code| code.to_string().into());
                each(Delta::Error(ProviderError { code, ..in_band(data) }));
            }
            _ => {
                if let Some(error) = said(data, false) {
                    each(Delta::Error(error));
                }
            }
        }
        Ok(())
    }

    fn repeats(&self) -> bool {
        true
    }

    fn whole(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), ReadError> {
        let answer: Answer<'_> = json::read(json)?;
        let answered =
            answer.object.as_deref() == Some("conversation.response") || answer.outputs.0.is_some();
        let suspect = !answered || answer.error.is_some();
        if let Some(error) = suspect.then(|| said(json, answered)).flatten() {
            each(Delta::Error(error));
            return Ok(());
        }
        if !answered {
            return Err(ReadError::Unreadable);
        }
        each(Delta::NotStreamed);
        self.response(answer.conversation_id, Text::default(), each);
        for entry in answer.outputs.0.into_iter().flatten() {
            match entry.kind.as_deref() {
                Some("message.output") => self.message(entry, each),
                Some("function.call") => self.call(entry, each),
                _ => {}
            }
        }
        self.calls.end(each);
        if let Some(usage) = answer.usage.0 {
            usage::emit(usage, None, each);
        }
        each(Delta::Done);
        Ok(())
    }

    fn eof(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        self.calls.end(each);
    }
}

impl Conversations {
    /// Emits the id and the model, once each.
    fn response(&mut self, id: Text<'_>, model: Text<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        let id = id.filled().filter(|_| !self.has_id);
        let model = model.filled().filter(|_| !self.has_model);
        if id.is_some() || model.is_some() {
            self.has_id |= id.is_some();
            self.has_model |= model.is_some();
            each(Delta::Response { id, model });
        }
    }

    fn message(&mut self, event: Event<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        self.response(Text::default(), event.model, each);
        event.content.each(Content::Text, &mut |content, text| {
            each(match content {
                Content::Text => Delta::Text { choice: 0, text },
                Content::Reasoning => Delta::Reasoning { choice: 0, text },
                Content::Refusal => Delta::Refusal { choice: 0, text },
            });
        });
    }

    fn call(&mut self, event: Event<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        let id = event.tool_call_id.filled();
        let key = (id.as_deref().map(str::to_owned), event.output_index.0);
        let piece =
            CallPiece { id, name: event.name.filled(), arguments: event.arguments.0, whole: false };
        // Only an id distinguishes the calls of an entry.
        match key {
            (Some(id), _) => self.calls.add(id, piece, each),
            (None, index) => self.calls.add(index, piece, each),
        }
    }
}
