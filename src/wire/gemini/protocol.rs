use super::{answer::Answer, chunk::Chunk};
use crate::{
    event::Delta,
    wire::{
        error::within_answer,
        json::{self, Fault},
        protocol::{Array, Protocol},
    },
};

/// What Google's answers say.
#[derive(Debug)]
pub(super) struct Generate {
    answer: Answer,
    /// The last event could not be read, so that it may have been cut.
    unread: bool,
}

impl Generate {
    pub(super) fn new() -> Self {
        Self { answer: Answer::new(), unread: false }
    }
}

impl Protocol for Generate {
    // Without `alt=sse` a streamed answer is an array.
    const ARRAY: Array = Array::Items;

    fn event(
        &mut self,
        _name: Option<&str>,
        data: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), Fault> {
        // Another protocol's end, which gateways append, and events that are only a name.
        if matches!(data, "" | "[DONE]") {
            return Ok(());
        }
        self.unread = true;
        let chunk: Chunk<'_> = json::read(alone(data))?;
        self.unread = false;
        match chunk.error {
            Some(_) => each(Delta::Error(within_answer(data))),
            None => self.answer.chunk(chunk, each),
        }
        Ok(())
    }

    fn whole(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), Fault> {
        let chunk: Chunk<'_> = json::read(alone(json))?;
        if chunk.error.is_some() {
            each(Delta::Error(within_answer(json)));
            return Ok(());
        }
        if chunk.candidates.0.is_none()
            && chunk.prompt_feedback.0.is_none()
            && chunk.usage_metadata.0.is_none()
        {
            return Err(Fault::Unreadable);
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

/// The only item of an array, as which errors come; a text that is no such array as it is.
fn alone(json: &str) -> &str {
    let inner = json.trim().strip_prefix('[').and_then(|json| json.strip_suffix(']'));
    inner.unwrap_or(json)
}
