use std::borrow::Cow;

use serde_json::json;

use super::{
    answer::{AnswerState, Form},
    chunk::Chunk,
    job::{Job, State},
    llama,
};
use crate::{
    event::{Delta, ProviderError},
    wire::{
        error::{in_band, said},
        error_body::is_filled,
        json::{self, ReadError},
        protocol::Protocol,
    },
};

/// The protocol of Chat Completions and legacy Completions.
#[derive(Debug, Default)]
pub(in crate::wire) struct OpenAi {
    answer: AnswerState,
}

impl Protocol for OpenAi {
    fn event(
        &mut self,
        _name: Option<&str>,
        data: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), ReadError> {
        let mut chunk: Chunk<'_> = match data {
            "[DONE]" => {
                self.answer.end(each);
                each(Delta::Done);
                return Ok(());
            }
            "" => return Ok(()),
            data => read(data)?,
        };
        let error = failure(&chunk, data);
        self.answer.chunk(&mut chunk, data, Form::Streamed, each);
        if let Some(error) = error.or_else(|| self.answer.failure(data)) {
            each(Delta::Error(error));
        }
        Ok(())
    }

    fn repeats(&self) -> bool {
        self.answer.repeats()
    }

    fn whole(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), ReadError> {
        if !self.answered(json, each)? {
            self.job(json, each)?;
        }
        Ok(())
    }

    fn eof(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        self.answer.end(each);
        if self.answer.is_complete() {
            each(Delta::Done);
        }
    }
}

impl OpenAi {
    /// Reads a whole answer, or the error in its place. Returns whether it is one.
    fn answered(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<bool, ReadError> {
        let mut chunk = read(json)?;
        let error = failure(&chunk, json);
        if error.is_none() && !is_answer(&chunk) {
            return Ok(false);
        }
        if error.is_none() || !chunk.choices.is_empty() {
            each(Delta::NotStreamed);
            self.answer.chunk(&mut chunk, json, Form::Whole, each);
            self.answer.end(each);
        }
        let error = error.or_else(|| self.answer.failure(json));
        each(error.map_or(Delta::Done, Delta::Error));
        Ok(true)
    }

    /// Reads what a server says of a job in the place of its answer.
    fn job(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), ReadError> {
        let job = Job::of(json).ok_or(ReadError::Unreadable)?;
        let state = job.state(json).ok_or(ReadError::Unreadable)?;
        if let State::Failed = state {
            each(Delta::Error(in_band(json)));
            return Ok(());
        }
        let (id, model) = (job.id.as_deref(), job.model.as_deref());
        let response =
            Delta::Response { id: id.map(Cow::Borrowed), model: model.map(Cow::Borrowed) };
        if let State::Answered(answer) = state {
            let mut first = Some(response);
            // Not a job again: a body may nest as deep as it is long.
            let is_answer = self.answered(answer, &mut |delta| {
                // The answer is known by the id of the job.
                first.take().into_iter().for_each(&mut *each);
                each(delta);
            })?;
            return if is_answer { Ok(()) } else { Err(ReadError::Unreadable) };
        }
        each(Delta::NotStreamed);
        each(response);
        each(Delta::NotInferred);
        if let State::Pending(Some(status)) = state {
            each(Delta::Finish { choice: 0, reason: status.into() });
        }
        each(Delta::Done);
        Ok(())
    }
}

/// Reads a chunk, or a whole answer.
fn read(json: &str) -> Result<Chunk<'_>, ReadError> {
    let mut chunk: Chunk<'_> = json::read(json)?;
    if chunk.llama.0 && chunk.choices.is_empty() {
        llama::read(json, &mut chunk);
    }
    Ok(chunk)
}

/// Whether a chunk is an answer. An answer without choices may lack the member or have null.
fn is_answer(chunk: &Chunk<'_>) -> bool {
    let object = chunk.object.as_deref().unwrap_or_default();
    chunk.choices.is_array()
        || chunk.value.as_deref().is_some()
        || object.starts_with("chat.completion")
        || object.starts_with("text_completion")
}

/// Returns the error of a chunk, beside its choices or in their place.
fn failure(chunk: &Chunk<'_>, json: &str) -> Option<ProviderError> {
    let kinds = [chunk.object.as_deref(), chunk.kind.as_deref()];
    let groq = chunk.x_groq.0.as_ref().map(|groq| &groq.error).filter(|error| is_filled(error));
    if let Some(error) = groq {
        return Some(in_band(&json!({ "error": error }).to_string()));
    }
    let suspect = chunk.suspect.0 || kinds.contains(&Some("error"));
    let answered = !chunk.choices.is_empty() || chunk.usage.0.is_some();
    suspect.then(|| said(json, answered)).flatten()
}
