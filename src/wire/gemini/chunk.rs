use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value, value::RawValue};

use super::word::Word;
use crate::wire::json::{self, Count, List, Object, ReadError, Text};

/// An event of a streamed answer, or a non-streamed answer, which has the same form.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Chunk<'a> {
    #[serde(borrow)]
    pub(super) candidates: List<Candidate<'a>>,
    #[serde(borrow)]
    pub(super) prompt_feedback: Object<PromptFeedback<'a>>,
    pub(super) usage_metadata: Object<Map<String, Value>>,
    #[serde(borrow)]
    pub(super) model_version: Text<'a>,
    #[serde(borrow)]
    pub(super) response_id: Text<'a>,
    /// The answer, in an answer of Gemini Code Assist.
    #[serde(borrow)]
    response: Object<Box<Chunk<'a>>>,
    pub(super) error: Option<IgnoredAny>,
    // Members of other errors.
    pub(super) errors: Option<IgnoredAny>,
    pub(super) message: Option<IgnoredAny>,
    pub(super) detail: Option<IgnoredAny>,
    pub(super) success: Option<IgnoredAny>,
    pub(super) code: Option<IgnoredAny>,
    #[serde(rename = "error_message")]
    pub(super) error_message: Option<IgnoredAny>,
    #[serde(rename = "base_resp")]
    pub(super) base_resp: Option<IgnoredAny>,
}

impl<'a> Chunk<'a> {
    pub(super) fn read(json: &'a str) -> Result<Self, ReadError> {
        let mut chunk: Self = json::read(json)?;
        Ok(chunk.response.0.take().map_or(chunk, |response| *response))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    pub(super) index: Count,
    #[serde(borrow)]
    pub(super) content: Object<Content<'a>>,
    #[serde(borrow)]
    pub(super) finish_reason: Word<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Content<'a> {
    #[serde(borrow)]
    pub(super) parts: List<Part<'a>>,
}

/// A part of the model's output. Parts of other kinds are not content of the answer: code that ran at the
/// provider and its output, calls of the provider's own tools, inline data …
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Part<'a> {
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    /// Whether the text is the model's reasoning.
    pub(super) thought: Value,
    #[serde(borrow)]
    pub(super) function_call: Object<FunctionCall<'a>>,
}

/// A tool call, or a fragment of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct FunctionCall<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) args: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) partial_args: List<PartialArg<'a>>,
    /// Whether another fragment of the call follows.
    pub(super) will_continue: Value,
}

/// A fragment of an argument: one of the four values.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PartialArg<'a> {
    #[serde(borrow)]
    pub(super) json_path: Text<'a>,
    #[serde(borrow)]
    pub(super) string_value: Text<'a>,
    #[serde(borrow)]
    pub(super) number_value: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) bool_value: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) null_value: Option<&'a RawValue>,
    /// Whether another fragment of the argument follows.
    pub(super) will_continue: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PromptFeedback<'a> {
    #[serde(borrow)]
    pub(super) block_reason: Word<'a>,
}
