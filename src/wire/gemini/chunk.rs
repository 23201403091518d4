use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use super::word::Word;
use crate::wire::{
    error_body::is_suspect,
    json::{self, Count, List, Object, ReadError, Seen, Text, in_place},
    json_text::JsonText,
};

/// An event of a streamed answer, or a non-streamed answer, which has the same form. Protobuf's JSON has names in camel case;
/// proxies also send those of the `.proto` files.
#[derive(Debug, Default)]
pub(super) struct Chunk<'a> {
    pub(super) candidates: List<Candidate<'a>>,
    pub(super) prompt_feedback: Object<PromptFeedback<'a>>,
    pub(super) usage_metadata: Object<Map<String, Value>>,
    pub(super) model_version: Text<'a>,
    pub(super) response_id: Text<'a>,
    /// The answer, in an answer of Gemini Code Assist.
    response: Object<Box<Chunk<'a>>>,
    /// A member that errors have.
    pub(super) suspect: Seen,
}

in_place! {
    Chunk {
        "candidates" => candidates,
        "promptFeedback" | "prompt_feedback" => prompt_feedback,
        "usageMetadata" | "usage_metadata" => usage_metadata,
        "modelVersion" | "model_version" => model_version,
        "responseId" | "response_id" => response_id,
        "response" => response,
        ? is_suspect => suspect,
    }
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
    #[serde(borrow, alias = "finish_reason")]
    pub(super) finish_reason: Word<'a>,
    #[serde(alias = "grounding_metadata")]
    pub(super) grounding_metadata: Object<Grounding>,
}

/// What the answer is grounded on.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Grounding {
    #[serde(alias = "web_search_queries")]
    pub(super) web_search_queries: Value,
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
    #[serde(borrow, alias = "function_call")]
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
    pub(super) args: JsonText<'a>,
    #[serde(borrow, alias = "partial_args")]
    pub(super) partial_args: List<PartialArg<'a>>,
    /// Whether another fragment of the call follows.
    #[serde(alias = "will_continue")]
    pub(super) will_continue: Value,
}

/// A fragment of an argument: one of the four values.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PartialArg<'a> {
    #[serde(borrow, alias = "json_path")]
    pub(super) json_path: Text<'a>,
    #[serde(borrow, alias = "string_value")]
    pub(super) string_value: Text<'a>,
    #[serde(borrow, alias = "number_value")]
    pub(super) number_value: Option<&'a RawValue>,
    #[serde(borrow, alias = "bool_value")]
    pub(super) bool_value: Option<&'a RawValue>,
    #[serde(borrow, alias = "null_value")]
    pub(super) null_value: Option<&'a RawValue>,
    /// Whether another fragment of the argument follows.
    #[serde(alias = "will_continue")]
    pub(super) will_continue: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PromptFeedback<'a> {
    #[serde(borrow, alias = "block_reason")]
    pub(super) block_reason: Word<'a>,
}
