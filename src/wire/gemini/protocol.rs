use super::{answer::AnswerState, chunk::Chunk, word::Api};
use crate::{
    event::{Delta, ProviderError},
    wire::{
        error::said,
        json::ReadError,
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
    pub(super) fn new(api: Api) -> Self {
        Self { answer: AnswerState::new(api), unread: false }
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
        let chunk = Chunk::read(data)?;
        self.unread = false;
        match failure(&chunk, data) {
            Some(error) => each(Delta::Error(error)),
            None => self.answer.chunk(chunk, each),
        }
        Ok(())
    }

    fn whole(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), ReadError> {
        let chunk = Chunk::read(json)?;
        if let Some(error) = failure(&chunk, json) {
            each(Delta::Error(error));
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

fn failure(chunk: &Chunk<'_>, json: &str) -> Option<ProviderError> {
    let answered = chunk.candidates.0.is_some() || chunk.usage_metadata.0.is_some();
    chunk.suspect.0.then(|| said(json, answered)).flatten()
}
