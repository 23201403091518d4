//! The answers of servers that accept a chat as a job, which a later call fetches with its answer.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::wire::json::{self, Text};

/// Perplexity's `async/chat/completions`, xAI's deferred completions, Zhipu's `async/chat/completions`.
///
/// Sources: "Create Async Chat Completion" in Perplexity's API reference, "Deferred Chat Completions" in xAI's, and
/// "对话补全(异步)" in Zhipu's.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Job<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) model: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    task_status: Text<'a>,
    #[serde(borrow)]
    request_id: Text<'a>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
}

pub(super) enum State<'a> {
    /// The answer is not there. The provider's word for it, if it has one.
    Pending(Option<&'a str>),
    /// The answer, as a JSON text.
    Answered(&'a str),
    Failed,
}

impl<'a> Job<'a> {
    pub(super) fn of(json: &'a str) -> Option<Self> {
        json::read(json).ok()
    }

    /// Returns what has become of a job; `None` if this is none.
    pub(super) fn state(&self, json: &str) -> Option<State<'_>> {
        if let Some(answer) = self.response.map(RawValue::get).filter(|it| it.starts_with('{')) {
            return Some(State::Answered(answer));
        }
        let status = self.status.as_deref().or(self.task_status.as_deref());
        match status.unwrap_or_default() {
            status @ ("CREATED" | "IN_PROGRESS" | "PROCESSING") => {
                Some(State::Pending(Some(status)))
            }
            "FAILED" | "FAIL" => Some(State::Failed),
            // xAI's answer says nothing else.
            "" if self.request_id.as_deref().is_some() && is_alone(json) => {
                Some(State::Pending(None))
            }
            _ => None,
        }
    }
}

/// Whether an object has one member.
fn is_alone(json: &str) -> bool {
    json::value(json).is_some_and(|value| value.as_object().is_some_and(|all| all.len() == 1))
}
