use super::event::{Choice, Event, Message, ToolCall};
use crate::{
    event::Delta,
    wire::{
        LlmHttpResponse,
        error::said,
        fingerprint::Fingerprint,
        json::{self, Object, ReadError},
        message_content::{Content, MessageContent},
        protocol::Protocol,
        tool_calls::{CallPiece, ToolCalls},
        usage,
    },
};

/// More choices than can be requested. Bounds the memory of a stream.
const MAX_CHOICES: usize = 128;

/// The protocol of DashScope's events and answers.
#[derive(Debug, Default)]
pub(super) struct Generation {
    /// Each event has only what is new.
    incremental: bool,
    choices: Vec<ChoiceState>,
    calls: ToolCalls,
}

#[derive(Debug, Default)]
struct ChoiceState {
    text: Fingerprint,
    reasoning: Fingerprint,
    finished: bool,
}

impl Generation {
    pub(super) fn of(response: &LlmHttpResponse<'_>) -> Self {
        let parameters = response.request.and_then(|request| request.params.get("parameters"));
        let incremental = parameters.is_some_and(|it| it["incremental_output"] == true);
        Self { incremental, ..Self::default() }
    }

    /// Reads an event or an answer. Returns false if it is neither.
    fn read(&mut self, event: Event<'_>, whole: bool, each: &mut dyn FnMut(Delta<'_>)) -> bool {
        let Some(output) = event.output.0 else { return false };
        if let Some(id) = event.request_id.filled() {
            each(Delta::Response { id: Some(id), model: None });
        }
        let choices = output.choices.0.unwrap_or_default();
        let choices = match choices.is_empty() {
            false => choices,
            true => {
                let message = Message { content: output.text, ..Message::default() };
                vec![Choice { message: Object(Some(message)), finish_reason: output.finish_reason }]
            }
        };
        for (index, choice) in (0_u32..).zip(choices) {
            self.choice(index, choice, whole, each);
        }
        if let Some(raw) = event.usage.0 {
            usage::emit(raw, None, each);
        }
        true
    }

    fn choice(
        &mut self,
        index: u32,
        choice: Choice<'_>,
        whole: bool,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        let at = index as usize;
        if at >= MAX_CHOICES {
            each(Delta::DecodeFault);
            return;
        }
        if self.choices.len() <= at {
            self.choices.resize_with(at + 1, ChoiceState::default);
        }
        let (state, incremental) = (&mut self.choices[at], self.incremental);
        let message = choice.message.0.unwrap_or_default();
        if let Some(text) = new_part(&mut state.reasoning, message.reasoning_content, incremental) {
            each(Delta::Reasoning { choice: index, text: text.into() });
        }
        if let Some(text) = new_part(&mut state.text, message.content, incremental) {
            each(Delta::Text { choice: index, text: text.into() });
        }
        // Tools are offered for one choice only.
        for (position, call) in message.tool_calls.0.into_iter().flatten().enumerate() {
            let ToolCall { index, id, function } = call;
            let function = function.0.unwrap_or_default();
            let (id, name) = (id.filled(), function.name.filled());
            let piece = CallPiece { id, name, arguments: function.arguments.0, whole };
            self.calls.add(index.0.unwrap_or(position as u64), piece, each);
        }
        if let Some(reason) = choice.finish_reason.reason() {
            self.calls.end(each);
            if !std::mem::replace(&mut self.choices[at].finished, true) {
                each(Delta::Finish { choice: index, reason });
            }
        }
    }
}

/// Returns what is new in a text.
fn new_part(
    so_far: &mut Fingerprint,
    content: MessageContent<'_>,
    incremental: bool,
) -> Option<String> {
    let mut text = String::new();
    content.each(Content::Text, &mut |_, part| text.push_str(&part));
    if !incremental && so_far.begins(&text) {
        text.drain(..so_far.length());
    }
    so_far.add(&text);
    Some(text).filter(|text| !text.is_empty())
}

impl Protocol for Generation {
    fn event(
        &mut self,
        _name: Option<&str>,
        data: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), ReadError> {
        if matches!(data, "" | "[DONE]") {
            return Ok(());
        }
        if !self.read(json::read(data)?, false, each)
            && let Some(error) = said(data, false)
        {
            each(Delta::Error(error));
        }
        Ok(())
    }

    fn whole(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), ReadError> {
        let event: Event<'_> = json::read(json)?;
        if event.output.0.is_none() {
            let error = said(json, false).ok_or(ReadError::Unreadable)?;
            each(Delta::Error(error));
            return Ok(());
        }
        each(Delta::NotStreamed);
        self.read(event, true, each);
        each(Delta::Done);
        Ok(())
    }

    fn eof(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        self.calls.end(each);
        if !self.choices.is_empty() && self.choices.iter().all(|choice| choice.finished) {
            each(Delta::Done);
        }
    }
}
