use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use crate::wire::{
    error_body::is_suspect,
    json::{Count, List, Object, Parts, Seen, Text, TextPart, in_place},
    json_text::JsonText,
};

/// Any event of a stream. Flat, since serde buffers a tagged enum until it knows the variant.
#[derive(Debug, Default)]
pub(super) struct Event<'a> {
    pub(super) kind: Text<'a>,
    pub(super) delta: Text<'a>,
    pub(super) output_index: Count,
    pub(super) item_id: Text<'a>,
    pub(super) item: Object<Item<'a>>,
    /// The position of a shell's command among those of its call.
    pub(super) command_index: Count,
    /// A text or a refusal, repeated.
    pub(super) text: Text<'a>,
    pub(super) refusal: Text<'a>,
    /// All arguments of a function call, repeated.
    pub(super) arguments: JsonText<'a>,
    /// The input of a custom tool's call, repeated.
    pub(super) input: JsonText<'a>,
    pub(super) response: Object<Response<'a>>,
    /// A member that errors have.
    pub(super) suspect: Seen,
}

in_place! {
    Event {
        "type" => kind,
        "delta" => delta,
        "output_index" => output_index,
        "item_id" => item_id,
        "item" => item,
        "command_index" => command_index,
        "text" => text,
        "refusal" => refusal,
        "arguments" => arguments,
        "input" => input,
        "response" => response,
        ? is_suspect => suspect,
    }
}

/// The answer so far, as a whole.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Response<'a> {
    /// `error` if the body is an error.
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) object: Text<'a>,
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) model: Text<'a>,
    #[serde(borrow)]
    pub(super) status: Text<'a>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) incomplete_details: Object<Incomplete<'a>>,
    #[serde(borrow)]
    pub(super) output: List<Item<'a>>,
    /// All of the text, which servers send beside the output, or in its place.
    #[serde(borrow)]
    pub(super) output_text: Text<'a>,
    /// The tools of the request.
    #[serde(borrow)]
    pub(super) tools: List<DeclaredTool<'a>>,
    pub(super) usage: Object<Map<String, Value>>,
    /// What the provider's tools used, which `usage` does not have.
    pub(super) tool_usage: Value,
    #[serde(borrow)]
    pub(super) service_tier: Text<'a>,
}

/// The reason why an answer is incomplete.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Incomplete<'a> {
    #[serde(borrow)]
    pub(super) reason: Text<'a>,
}

/// An item of an answer's output, complete or as it begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Item<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) call_id: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) arguments: JsonText<'a>,
    #[serde(borrow)]
    pub(super) input: JsonText<'a>,
    // The arguments of tools with a type of their own.
    #[serde(borrow)]
    pub(super) action: JsonText<'a>,
    #[serde(borrow)]
    pub(super) actions: JsonText<'a>,
    #[serde(borrow)]
    pub(super) operation: JsonText<'a>,
    /// Where a shell runs.
    #[serde(borrow)]
    pub(super) environment: Object<Environment<'a>>,
    /// Who executes a tool search.
    #[serde(borrow)]
    pub(super) execution: Text<'a>,
    #[serde(borrow)]
    pub(super) content: Parts<Part<'a>>,
    #[serde(borrow)]
    pub(super) summary: Parts<Part<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Environment<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
}

/// A tool of the request, which answers repeat.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DeclaredTool<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
}

/// A part of a message, or of reasoning.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Part<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) refusal: Text<'a>,
}

impl<'de: 'a, 'a> TextPart<'de> for Part<'a> {
    fn of_text(text: Text<'de>) -> Self {
        Self { kind: "text".into(), text, ..Self::default() }
    }
}
