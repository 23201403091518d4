use serde_json::Value;

use super::{
    answer::{AnswerState, Form},
    chunk::Chunk,
};
use crate::{
    event::Delta,
    wire::{
        error::in_band,
        json::{self, ReadError},
        protocol::Protocol,
    },
};

/// The protocol of Chat Completions and legacy Completions.
#[derive(Debug, Default)]
pub(super) struct OpenAi {
    answer: AnswerState,
}

impl Protocol for OpenAi {
    fn event(
        &mut self,
        name: Option<&str>,
        data: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), ReadError> {
        let named = name == Some("error");
        let chunk: Chunk<'_> = match data {
            "[DONE]" => {
                each(Delta::Done);
                return Ok(());
            }
            "" => Chunk::default(),
            data => match json::read(data) {
                // An event named `error` is an error whatever its data.
                Err(ReadError::Unreadable) if named => Chunk::default(),
                read => read?,
            },
        };
        let error = named || is_error(&chunk, data);
        self.answer.chunk(chunk, Form::Streamed, each);
        if error {
            each(Delta::Error(in_band(data)));
        }
        Ok(())
    }

    fn whole(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), ReadError> {
        let chunk: Chunk<'_> = match json::read(json) {
            Ok(chunk) => chunk,
            // Google sends errors in an array.
            Err(ReadError::Unreadable)
                if errors(json).is_some_and(|all| filled(&all[0]["error"])) =>
            {
                each(Delta::Error(in_band(json)));
                return Ok(());
            }
            Err(fault) => return Err(fault),
        };
        let error = is_error(&chunk, json);
        if !error && !is_answer(&chunk) {
            return Err(ReadError::Unreadable);
        }
        if !error || !chunk.choices.is_empty() {
            each(Delta::NotStreamed);
            self.answer.chunk(chunk, Form::Whole, each);
        }
        each(if error { Delta::Error(in_band(json)) } else { Delta::Done });
        Ok(())
    }

    fn eof(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        if self.answer.is_complete() {
            each(Delta::Done);
        }
    }
}

/// Whether a chunk is an answer. An answer without choices may lack the member or have null.
fn is_answer(chunk: &Chunk<'_>) -> bool {
    let object = chunk.object.as_deref().unwrap_or_default();
    chunk.choices.is_array()
        || object.starts_with("chat.completion")
        || object.starts_with("text_completion")
}

/// Whether a chunk is an error, or has one beside its choices.
fn is_error(chunk: &Chunk<'_>, json: &str) -> bool {
    if chunk.error.is_some() && json::value(json).is_some_and(|value| filled(&value["error"])) {
        return true;
    }
    let flat = !chunk.choices.is_array() && chunk.usage.0.is_none();
    let has_message = chunk.message.as_deref().is_some_and(|text| !text.is_empty());
    flat && (chunk.detail.is_some()
        || [chunk.object.as_deref(), chunk.kind.as_deref()].contains(&Some("error"))
        || (chunk.code.is_some() && has_message))
}

fn errors(json: &str) -> Option<Value> {
    json.starts_with('[').then(|| json::value(json))?
}

/// Whether an `error` member is an error: some servers send an empty one with every answer.
fn filled(error: &Value) -> bool {
    match error {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    }
}
