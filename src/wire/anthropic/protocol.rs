use super::{
    answer::AnswerState,
    event::{DeltaEvent, Event, Message},
};
use crate::{
    event::Delta,
    wire::{
        error::{in_band, said},
        json::{self, ReadError},
        protocol::Protocol,
    },
};

const DELTA: &str = "content_block_delta";

/// The protocol of Anthropic's events and messages.
#[derive(Debug, Default)]
pub(in crate::wire) struct Anthropic {
    answer: AnswerState,
}

impl Anthropic {
    /// Reads an event named `content_block_delta`. Returns false if it has another type or is invalid.
    fn block_delta(&mut self, data: &str, each: &mut dyn FnMut(Delta<'_>)) -> bool {
        match json::read(data) {
            Ok(DeltaEvent { kind, index, delta }) if kind.as_deref().unwrap_or(DELTA) == DELTA => {
                if let Some(delta) = delta.0 {
                    self.answer.block_delta(index.0, delta, each);
                }
                true
            }
            _ => false,
        }
    }
}

impl Protocol for Anthropic {
    fn event(
        &mut self,
        name: Option<&str>,
        data: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), ReadError> {
        if name == Some(DELTA) && self.block_delta(data, each) {
            return Ok(());
        }
        let event: Event<'_> = match data {
            // The end mark of another protocol, which gateways append.
            "[DONE]" => return Ok(()),
            // An event may be only a name: `event: ping`.
            "" => Event::default(),
            data => json::read(data)?,
        };
        match event.kind.as_deref().or(name) {
            Some("message_start") => {
                if let Some(mut message) = event.message.0 {
                    AnswerState::response(&mut message, each);
                    self.answer.usage(message.usage.0, each);
                }
            }
            Some("content_block_start") => {
                if let Some(block) = event.content_block.0 {
                    self.answer.block(event.index.0, block, false, each);
                }
            }
            Some(DELTA) => {
                if let Some(delta) = event.delta.0 {
                    self.answer.block_delta(event.index.0, delta, each);
                }
            }
            Some("content_block_stop") => self.answer.close(event.index.0, each),
            Some("message_delta") => {
                self.answer.end(each);
                self.answer.usage(event.usage.0, each);
                if let Some(delta) = event.delta.0 {
                    AnswerState::finish(delta.stop_reason, each);
                }
            }
            Some("message_stop") => {
                self.answer.end(each);
                // Proxies report it here.
                self.answer.usage(event.usage.0, each);
                if !self.answer.has_usage() {
                    self.answer.usage(event.metrics.0, each);
                }
                each(Delta::Done);
            }
            Some("ping") => {}
            // Gateways omit the type, or replace it by the type of the error.
            Some("error") => each(Delta::Error(in_band(data))),
            _ if event.suspect.0 => {
                if let Some(error) = said(data, false) {
                    each(Delta::Error(error));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn repeats(&self) -> bool {
        // A text changes nothing; what a block that begins with one closes is closed after that.
        true
    }

    fn whole(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), ReadError> {
        let mut message: Message<'_> = json::read(json)?;
        let content = message.content.0.take();
        let kind = message.kind.as_deref();
        let answered = content.is_some() || kind == Some("message");
        let suspect = !answered || message.error.is_some();
        if let Some(error) = suspect.then(|| said(json, answered)).flatten() {
            each(Delta::Error(error));
            return Ok(());
        }
        if kind != Some("message") && content.is_none() {
            return Err(ReadError::Unreadable);
        }
        each(Delta::NotStreamed);
        AnswerState::response(&mut message, each);
        for block in content.into_iter().flatten() {
            self.answer.block(None, block, true, each);
        }
        self.answer.end(each);
        self.answer.usage(message.usage.0, each);
        AnswerState::finish(message.stop_reason, each);
        each(Delta::Done);
        Ok(())
    }

    fn eof(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        self.answer.end(each);
    }
}
