use serde::Serialize;
use tower_llm_callbacks::{Event, EventData, LlmResult, LlmStart, Run, RunError, Usage};

use super::{
    DETAIL, NAME, PARTS,
    content::RunContent,
    row::{RowError, RunRow, milliseconds},
    text::{json, prefix},
};

/// A run that the page keeps. Serialises to what is shown of it, without the numbers of changes.
#[derive(Debug, Serialize)]
pub(super) struct RunEntry {
    #[serde(flatten)]
    pub(super) row: RunRow,
    pub(super) detail: RunDetail,
    /// The run, while it may be aborted.
    #[serde(skip)]
    pub(super) run: Option<Run>,
    /// The number of the last change.
    #[serde(skip)]
    pub(super) changed: u64,
    /// The number of the last change by an event other than a further token.
    #[serde(skip)]
    pub(super) reshaped: u64,
}

/// The details of a selected run.
#[derive(Debug, Default, Serialize)]
pub(super) struct RunDetail {
    prompt: RunContent,
    pub(super) answer: RunContent,
    /// The whole message of the error, whose row has the beginning.
    error: Option<String>,
    params: String,
    tags: Vec<String>,
    metadata: String,
    url: String,
    status: Option<u16>,
    answered_model: String,
    response_id: String,
    finish: Vec<String>,
    usage: Option<Usage>,
    dropped: u64,
    decode_faults: u64,
    attempts: Vec<String>,
}

impl RunEntry {
    pub(super) fn new(run: &Run, event: &EventData) -> Self {
        let mut detail = RunDetail {
            tags: run.tags().iter().take(32).map(|tag| prefix(tag, NAME).to_owned()).collect(),
            metadata: brief(run.metadata()),
            ..RunDetail::default()
        };
        let mut start: Option<&LlmStart> = None;
        match event {
            EventData::LlmStart(llm) | EventData::ModelStart(_, llm) => {
                start = Some(llm);
                detail.prompt = llm.messages.get().map(RunContent::prompt).unwrap_or_default();
                detail.params = brief(&llm.params);
                let url = llm.http.as_deref().map(|http| prefix(&http.url, DETAIL).to_owned());
                detail.url = url.unwrap_or_default();
            }
            EventData::RunStart(_, input) => {
                let prompt =
                    input.input.as_ref().map(|input| RunContent::from_value("input", input));
                detail.prompt = prompt.unwrap_or_default();
            }
            _ => {}
        }
        Self { row: RunRow::new(run, start), detail, run: None, changed: 0, reshaped: 0 }
    }

    /// Applies an event. Returns `false` if it only adds a further token.
    pub(super) fn apply(&mut self, run: &Run, event: &Event) -> bool {
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
            EventData::LlmEnd(result) | EventData::ModelEnd(_, result) => {
                row.end("completed", result);
                detail.end(result);
            }
            EventData::LlmError(error) | EventData::ModelError(_, error) => {
                if let Some(result) = error.result() {
                    row.end(error.kind().as_str(), result);
                    detail.end(result);
                }
                row.error = Some(RowError::new(error));
                detail.fail(error);
            }
            EventData::RunEnd(_, output) => {
                row.end_after("completed", output.duration);
                let output = output.output.as_ref();
                let output = output.map(|value| RunContent::from_value("output", value));
                detail.answer = output.unwrap_or_default();
            }
            EventData::RunError(_, error) => {
                row.end_after(error.kind().as_str(), error.duration());
                let output = error.output().map(|value| RunContent::from_value("output", value));
                detail.answer = output.unwrap_or_default();
                row.error = Some(RowError::new(error));
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

impl RunDetail {
    fn end(&mut self, result: &LlmResult) {
        // Streamed parts keep their order of arrival, unless tokens were dropped.
        self.dropped = result.dropped_tokens;
        if !result.streamed || result.dropped_tokens > 0 {
            self.answer = RunContent::answer(result);
        }
        let short = |text: &str| prefix(text, NAME).to_owned();
        self.status = result.http.as_deref().map(|http| http.status);
        self.answered_model = result.model.as_deref().map(short).unwrap_or_default();
        self.response_id = result.response_id.as_deref().map(short).unwrap_or_default();
        let reasons = result.choices.iter().filter_map(|choice| choice.finish_reason.as_deref());
        self.finish = reasons.take(PARTS).map(short).collect();
        self.usage = result.usage.clone();
        self.decode_faults = result.decode_faults;
    }

    fn fail(&mut self, error: &RunError) {
        self.error = Some(prefix(error.message(), DETAIL).to_owned());
    }
}

/// Returns a value's JSON, or an empty string for an empty object.
fn brief(value: &impl Serialize) -> String {
    match json(value, DETAIL) {
        (text, false) if text == "{}" => String::new(),
        (text, false) => text,
        (text, true) => text + "…",
    }
}
