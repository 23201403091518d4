use super::{completion::Completion, head::Named};
use crate::{
    event::Delta,
    wire::{
        anthropic::Anthropic, bedrock::converse::Converse, json::ReadError, openai_chat::OpenAi,
        operations::protocol::Operation, protocol::Protocol,
    },
};

/// The dialect of a family of models.
#[derive(Debug)]
pub(super) enum Dialect {
    Messages(Box<Anthropic>),
    Chat(Box<OpenAi>),
    Converse(Box<Converse>),
    /// A text under some name, of many families.
    Completion(Completion),
}

impl Dialect {
    pub(super) fn of(named: Option<Named>) -> Self {
        match named {
            Some(Named::Messages) => Self::Messages(Box::default()),
            Some(Named::Chat) => Self::Chat(Box::default()),
            Some(Named::Converse) => Self::Converse(Box::default()),
            Some(Named::Vectors) | None => Self::Completion(Completion::default()),
        }
    }

    /// Whether the dialect is certain.
    pub(super) fn has_begun(&self) -> bool {
        !matches!(self, Self::Completion(completion) if !completion.has_begun())
    }

    /// Reads a chunk.
    pub(super) fn event(
        &mut self,
        event: Option<(&str, &str)>,
        json: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), ReadError> {
        match (self, event) {
            (Self::Messages(messages), _) => messages.event(None, json, each),
            (Self::Chat(chat), _) => chat.event(None, json, each),
            (Self::Converse(converse), Some((name, data))) => {
                converse.event(Some(name), data, each)
            }
            (Self::Converse(_), None) => Ok(()),
            (Self::Completion(completion), _) => completion.read(json, each).map(drop),
        }
    }

    pub(super) fn eof(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        match self {
            Self::Messages(messages) => messages.eof(each),
            Self::Chat(chat) => chat.eof(each),
            Self::Converse(converse) => converse.eof(each),
            Self::Completion(completion) if completion.is_complete() => each(Delta::Done),
            Self::Completion(_) => {}
        }
    }
}

/// Reads a non-streamed answer, of text or of outputs.
pub(super) fn whole(
    named: Option<Named>,
    mut outputs: Operation,
    json: &str,
    each: &mut dyn FnMut(Delta<'_>),
) -> Result<(), ReadError> {
    match Dialect::of(named) {
        Dialect::Messages(mut messages) => messages.whole(json, each),
        Dialect::Chat(mut chat) => chat.whole(json, each),
        Dialect::Converse(mut converse) => converse.whole(json, each),
        Dialect::Completion(_) if named == Some(Named::Vectors) => outputs.whole(json, each),
        Dialect::Completion(mut completion) => completion.whole(json, each),
    }
}
