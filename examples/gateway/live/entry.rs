use serde::Serialize;
use tower_llm_callbacks::{Event, EventData, LlmResult, LlmStart, Run, RunError};

use super::{
    DETAIL, PARTS, WORD,
    content::Content,
    row::{Row, milliseconds},
    text::{json, prefix},
};

/// What is kept of a run.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) row: Row,
    pub(super) detail: Detail,
    /// The number of its last change, and of the last one that was more than another token.
    pub(super) changed: u64,
    pub(super) reshaped: u64,
}

/// What is shown of a run that is looked at.
#[derive(Debug, Default, Serialize)]
pub(super) struct Detail {
    prompt: Content,
    pub(super) answer: Content,
    error: Option<Failure>,
    params: String,
    tags: Vec<String>,
    metadata: String,
    url: String,
    status: Option<u16>,
    answered_model: String,
    response_id: String,
    finish: Vec<String>,
    usage: String,
    dropped: u64,
    decode_faults: u64,
    attempts: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Failure {
    message: String,
    status: Option<u16>,
    code: Option<String>,
}

impl Entry {
    pub(super) fn new(run: &Run, event: &EventData) -> Self {
        let mut detail = Detail {
            tags: run.tags().iter().take(32).map(|tag| prefix(tag, WORD).to_owned()).collect(),
            metadata: brief(run.metadata()),
            ..Detail::default()
        };
        let mut start: Option<&LlmStart> = None;
        match event {
            EventData::LlmStart(llm) => {
                start = Some(llm);
                detail.prompt = llm.messages.get().map(Content::prompt).unwrap_or_default();
                detail.params = brief(&llm.params);
                let url = llm.http.as_deref().map(|http| prefix(&http.url, DETAIL).to_owned());
                detail.url = url.unwrap_or_default();
            }
            EventData::RunStart(_, input) => {
                let prompt = input.input.as_ref().map(|input| Content::of_value("input", input));
                detail.prompt = prompt.unwrap_or_default();
            }
            _ => {}
        }
        Self { row: Row::new(run, start), detail, changed: 0, reshaped: 0 }
    }

    /// Takes an event in; true if it is more than another token.
    pub(super) fn tell(&mut self, run: &Run, event: &Event) -> bool {
        let (row, detail) = (&mut self.row, &mut self.detail);
        match event.data() {
            EventData::LlmNewToken(token) => {
                row.pieces = token.index() + 1;
                detail.answer.token(token);
                if row.first.is_some() {
                    return false;
                }
                let first = event.time().duration_since(run.start_time());
                row.first = Some(milliseconds(first.unwrap_or_default()));
            }
            EventData::LlmEnd(result) => {
                row.end("completed", result);
                detail.end(result);
            }
            EventData::LlmError(error) => {
                if let Some(result) = error.result() {
                    row.end(error.kind().as_str(), result);
                    detail.end(result);
                }
                detail.fail(error);
            }
            EventData::RunEnd(_, output) => {
                row.end_after(output.duration);
                let output = output.output.as_ref().map(|value| Content::of_value("output", value));
                detail.answer = output.unwrap_or_default();
            }
            EventData::RunError(_, error) => {
                row.end(error.kind().as_str(), error.result());
                let output = error.output().map(|value| Content::of_value("output", value));
                detail.answer = output.unwrap_or_default();
                detail.fail(error);
            }
            EventData::Retry(retry) if detail.attempts.len() < 32 => {
                detail.attempts.push(prefix(&retry.error, DETAIL).to_owned());
            }
            _ => return false,
        }
        true
    }
}

impl Detail {
    fn end(&mut self, result: &LlmResult) {
        // What came token by token has the order in which it came; unless some were dropped on the way.
        self.dropped = result.dropped_tokens;
        if !result.streamed || result.dropped_tokens > 0 {
            self.answer = Content::answer(result);
        }
        let word = |text: &str| prefix(text, WORD).to_owned();
        self.status = result.http.as_deref().map(|http| http.status);
        self.answered_model = result.model.as_deref().map(word).unwrap_or_default();
        self.response_id = result.response_id.as_deref().map(word).unwrap_or_default();
        let reasons = result.choices.iter().filter_map(|choice| choice.finish_reason.as_deref());
        self.finish = reasons.take(PARTS).map(word).collect();
        self.usage = result.usage.as_ref().map(brief).unwrap_or_default();
        self.decode_faults = result.decode_faults;
    }

    fn fail(&mut self, error: &RunError) {
        self.error = Some(Failure {
            message: prefix(error.message(), DETAIL).to_owned(),
            status: error.status(),
            code: error.provider_code().map(|code| prefix(code, WORD).to_owned()),
        });
    }
}

/// A value's JSON; nothing where it is empty.
fn brief(value: &impl Serialize) -> String {
    match json(value, DETAIL) {
        (text, false) if text == "{}" => String::new(),
        (text, false) => text,
        (text, true) => text + "…",
    }
}
