use crate::{
    event::Delta,
    wire::{
        SseEvent,
        json::{self, Fault},
        sse::Piece,
    },
};

use super::{answer::Answer, error::within_answer, event::Event};

/// Reads the events of a streamed answer.
#[derive(Debug)]
pub(super) struct Reader {
    answer: Answer,
    /// Nothing more is to be told.
    ended: bool,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self { answer: Answer::new(), ended: false }
    }

    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Nothing more is to come.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    pub(super) fn piece(&mut self, piece: Piece<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        match piece {
            _ if self.ended => {}
            Piece::Event(event) => self.sse_event(&event, each),
            Piece::Overflow => each(Delta::DecodeFault),
        }
    }

    fn sse_event(&mut self, event: &SseEvent<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        match event.data.trim_ascii() {
            // Another protocol's end, which gateways append.
            "[DONE]" => {}
            // The name alone may do: `event: ping`.
            "" => self.event(event.event, "{}", Event::default(), each),
            data => match json::read(data) {
                Ok(read) => self.event(event.event, data, read, each),
                Err(fault) => {
                    each(Delta::DecodeFault);
                    if let Fault::Repaired(data) = fault
                        && let Ok(read) = json::read(&data)
                    {
                        self.event(event.event, &data, read, each);
                    }
                }
            },
        }
    }

    fn event(
        &mut self,
        name: Option<&str>,
        json: &str,
        event: Event<'_>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        match event.kind.as_deref().or(name) {
            Some("message_start") => {
                if let Some(mut message) = event.message.0 {
                    Answer::response(&mut message, each);
                    self.answer.usage(message.usage.0, each);
                }
            }
            Some("content_block_start") => {
                if let Some(block) = event.content_block.0 {
                    self.answer.block(&event.index, block, each);
                }
            }
            Some("content_block_delta") => {
                if let Some(delta) = event.delta.0 {
                    self.answer.block_delta(&event.index, delta, each);
                }
            }
            Some("content_block_stop") => self.answer.close(&event.index),
            Some("message_delta") => {
                self.answer.usage(event.usage.0, each);
                if let Some(delta) = event.delta.0 {
                    Answer::finish(delta.stop_reason, each);
                }
            }
            Some("message_stop") => {
                self.ended = true;
                each(Delta::Done);
            }
            // Gateways leave out the type, or put that of the error in its place.
            kind if kind == Some("error")
                || name == Some("error")
                || (kind.is_none() && event.error.is_some()) =>
            {
                self.ended = true;
                each(Delta::Error(within_answer(json)));
            }
            _ => {}
        }
    }
}
