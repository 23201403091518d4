use serde_json::Value;

use super::ToolCall;

/// A part of an answer, in its place: what [`Choice::blocks`](super::Choice::blocks) returns.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Block<'a> {
    /// Text.
    Text(&'a str),
    /// Reasoning.
    Reasoning {
        /// The text. May be empty beside a signature.
        text: &'a str,
        /// The provider's proof that the reasoning is the model's.
        signature: Option<&'a str>,
    },
    /// A refusal.
    Refusal(&'a str),
    /// A tool call.
    ToolCall(&'a ToolCall),
    /// A part in the provider's own form: redacted or encrypted reasoning, a call of a tool that runs at the provider, its
    /// result, a text with citations …
    Native {
        /// The API whose form it is, by its name in events: `messages`, `responses` …
        api: &'a str,
        /// The part. An API accepts it as a part of the next request.
        value: &'a Value,
        /// How many of the blocks right before this one are the same content.
        covers: usize,
    },
}
