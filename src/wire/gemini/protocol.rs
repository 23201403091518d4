use super::{answer::AnswerState, chunk::Chunk};
use crate::{
    event::Delta,
    wire::{
        error::in_band,
        json::{self, ReadError},
        protocol::{ArrayBody, Protocol},
    },
};

/// The protocol of Gemini's answers.
#[derive(Debug)]
pub(super) struct Generate {
    answer: AnswerState,
    /// The last event was invalid, possibly truncated.
    unread: bool,
}

impl Generate {
    pub(super) fn new() -> Self {
        Self { answer: AnswerState::new(), unread: false }
    }
}

impl Protocol for Generate {
    // Without `alt=sse` a streamed answer is an array.
    const ARRAY: ArrayBody = ArrayBody::Items;

    fn event(
        &mut self,
        _name: Option<&str>,
        data: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), ReadError> {
        // The end mark of another protocol, which gateways append, and events that are only a name.
        if matches!(data, "" | "[DONE]") {
            return Ok(());
        }
        self.unread = true;
        let chunk: Chunk<'_> = json::read(unwrapped(data))?;
        self.unread = false;
        match chunk.error {
            Some(_) => each(Delta::Error(in_band(data))),
            None => self.answer.chunk(chunk, each),
        }
        Ok(())
    }

    fn whole(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), ReadError> {
        let chunk: Chunk<'_> = json::read(unwrapped(json))?;
        if chunk.error.is_some() {
            each(Delta::Error(in_band(json)));
            return Ok(());
        }
        if chunk.candidates.0.is_none()
            && chunk.prompt_feedback.0.is_none()
            && chunk.usage_metadata.0.is_none()
        {
            return Err(ReadError::Unreadable);
        }
        each(Delta::NotStreamed);
        self.answer.chunk(chunk, each);
        self.answer.end(each);
        each(Delta::Done);
        Ok(())
    }

    fn eof(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        if self.answer.end(each) && !self.unread {
            each(Delta::Done);
        }
    }
}

/// Strips the brackets of an array of one item, the form of errors. Returns other texts unchanged.
fn unwrapped(json: &str) -> &str {
    let inner = json.trim().strip_prefix('[').and_then(|json| json.strip_suffix(']'));
    inner.unwrap_or(json)
}
