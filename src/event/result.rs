use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{HttpResponseInfo, Usage};

/// What an answer adds up to: what `on_llm_end` is told, and what
/// [`RunError::result`](super::RunError::result) holds of a run that ended early.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LlmResult {
    /// The model that answered, in the provider's word.
    pub model: Option<Arc<str>>,
    /// The provider's id of the answer.
    pub response_id: Option<Arc<str>>,
    /// Whether the answer came as a stream. One that came whole has no token events.
    pub streamed: bool,
    /// Every choice that was seen, by index.
    pub choices: Vec<Choice>,
    /// Token counts, as far as the provider reported any.
    pub usage: Option<Usage>,
    /// The provider's own object of counts.
    pub usage_raw: Option<Value>,
    /// Number of token events of the run.
    pub tokens: u64,
    /// Token events that the handler which is told this result did not get, because its queue was
    /// full. The one field that may differ from handler to handler.
    pub dropped_tokens: u64,
    /// From the start of the run to its first content; none where no content was streamed.
    #[serde(
        rename = "time_to_first_token_ms",
        serialize_with = "optional_milliseconds",
        deserialize_with = "read_optional_milliseconds"
    )]
    pub time_to_first_token: Option<Duration>,
    /// From the start of the run to its end.
    #[serde(
        rename = "duration_ms",
        serialize_with = "milliseconds",
        deserialize_with = "read_milliseconds"
    )]
    pub duration: Duration,
    /// Parts of the answer that could not be read and were passed over.
    pub decode_faults: u64,
    /// Whether the answer, or the rest of it, passed without being told: it was compressed in a way that
    /// is not known, or not as it said, or it was over the layer's bound.
    #[serde(skip_serializing_if = "is_false")]
    pub decode_skipped: bool,
    /// The HTTP response, where the call is one that a layer over HTTP sees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<Box<HttpResponseInfo>>,
}

impl LlmResult {
    /// The text of the first choice; empty where there is none.
    pub fn text(&self) -> &str {
        self.choices.first().map_or("", |choice| &choice.text)
    }

    /// The choice with an index.
    pub fn choice(&self, index: u32) -> Option<&Choice> {
        self.choices.iter().find(|choice| choice.index == index)
    }
}

/// One choice (candidate) of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Choice {
    /// Its index.
    pub index: u32,
    /// Its text: exactly the concatenation of its text tokens.
    pub text: String,
    /// Its reasoning, likewise.
    pub reasoning: String,
    /// Its refusal, likewise.
    pub refusal: String,
    /// Its tool calls, by index.
    pub tool_calls: Vec<ToolCall>,
    /// Why it ended, in the provider's own word; none while it had not.
    pub finish_reason: Option<Arc<str>>,
}

/// A tool call that the model asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ToolCall {
    /// Its id; empty where the provider gives none.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments as sent, a JSON text; `{}` where none came. Of a run that ended early it may be
    /// a fragment.
    pub arguments: String,
}

impl ToolCall {
    /// A call of a tool, with its arguments as a JSON text.
    pub fn new(
        id: impl Into<String>,
        name: impl Into<String>,
        arguments: impl Into<String>,
    ) -> Self {
        Self { id: id.into(), name: name.into(), arguments: arguments.into() }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

pub(super) fn milliseconds<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64() * 1e3)
}

fn optional_milliseconds<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => milliseconds(duration, serializer),
        None => serializer.serialize_none(),
    }
}

/// Times that are none, or none that there can be, are zero: a record may be anybody's.
pub(super) fn read_milliseconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    Ok(read_optional_milliseconds(from)?.unwrap_or_default())
}

fn read_optional_milliseconds<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Duration>, D::Error> {
    let milliseconds = Option::<f64>::deserialize(from)?;
    Ok(milliseconds.and_then(|ms| Duration::try_from_secs_f64(ms / 1e3).ok()))
}
