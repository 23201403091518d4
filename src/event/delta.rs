use std::borrow::Cow;

use serde_json::Value;

use super::{ProviderError, Usage};

/// A fact read from a model's answer.
///
/// Typed chunks (through [`LlmChunk`](crate::LlmChunk)) and the wire decoders (in [`wire`](crate::wire)) both yield
/// deltas. A delta with content (text, reasoning, refusal, a fragment of a tool call) becomes a token event. The
/// others only add to the [`LlmResult`](super::LlmResult).
///
/// `Delta<'static>` is also the chunk type of the typed models: see
/// [`ChatChunk`](crate::chat::ChatChunk).
///
/// ```
/// use tower_llm_callbacks::Delta;
///
/// let delta = Delta::text("Hello");
/// assert_eq!(delta.content(), Some("Hello"));
/// assert_eq!(Delta::Done.content(), None);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Delta<'a> {
    /// A piece of the answer's text.
    Text {
        /// The index of the choice (candidate); 0 if the provider returns one answer.
        choice: u32,
        /// The text. An empty text emits no token event.
        text: Cow<'a, str>,
    },
    /// A piece of the model's reasoning.
    Reasoning {
        /// The index of the choice.
        choice: u32,
        /// The reasoning text.
        text: Cow<'a, str>,
    },
    /// A piece of a refusal.
    Refusal {
        /// The index of the choice.
        choice: u32,
        /// The refusal text.
        text: Cow<'a, str>,
    },
    /// The opening of a tool call, or a fragment of its arguments.
    ToolCall {
        /// The index of the choice.
        choice: u32,
        /// The index of the tool call in its choice. Fragments with the same index belong together.
        index: u32,
        /// The call's id, if this delta has it.
        id: Option<Cow<'a, str>>,
        /// The tool's name, if this delta has it. Of a name that comes in pieces, each delta has all so far.
        name: Option<Cow<'a, str>>,
        /// The next fragment of the arguments, which are JSON text. May be empty.
        arguments: Cow<'a, str>,
    },
    /// The provider's proof that the reasoning before is the model's. The reasoning that follows is another block.
    Signature {
        /// The index of the choice.
        choice: u32,
        /// The signature.
        signature: Cow<'a, str>,
    },
    /// A part of the answer in the provider's own form, which the next request may have to repeat. See
    /// [`Block::Native`](super::Block::Native).
    Native {
        /// The index of the choice.
        choice: u32,
        /// The API whose form it is, by its name in events: `messages`, `responses` …
        api: Cow<'a, str>,
        /// The part.
        value: Cow<'a, Value>,
        /// Whether it is another form of the content of one kind right before it, since the last native part or
        /// [`NextBlock`](Self::NextBlock).
        covers: bool,
        /// Where the text of that content belongs in the value, as a JSON pointer to a null.
        text_at: Option<Cow<'a, str>>,
    },
    /// The content that follows belongs to another block than that before.
    NextBlock {
        /// The index of the choice.
        choice: u32,
    },
    /// The end of a choice.
    Finish {
        /// The index of the choice.
        choice: u32,
        /// The provider's finish reason: `end_turn`, `stop`, `tool_use`, `length` …
        reason: Cow<'a, str>,
    },
    /// The token counts so far. Later counts replace earlier ones.
    Usage {
        /// The counts, normalised.
        usage: Usage,
        /// The provider's own usage object.
        raw: Option<Cow<'a, Value>>,
    },
    /// The answer's id and model.
    Response {
        /// The answer's id.
        id: Option<Cow<'a, str>>,
        /// The model that generates the answer.
        model: Option<Cow<'a, str>>,
    },
    /// OpenAI's fingerprint of the system that generates the answer.
    Fingerprint(Cow<'a, str>),
    /// What a call that generates no text has returned: vectors, ranked documents, images. A later count replaces an earlier one.
    Outputs {
        /// The number of outputs so far.
        count: u64,
        /// The dimensions of the vectors.
        dimensions: Option<u32>,
    },
    /// One of the outputs themselves, as the provider sends it: a vector, a picture, a ranked document. Kept only if the layer
    /// [captures outputs](crate::HttpCallbackLayer::capture_outputs).
    Output(Cow<'a, Value>),
    /// Whether each input of a moderation was flagged.
    Flagged(Cow<'a, [bool]>),
    /// The answer arrived whole, not streamed. No part of it becomes a token event.
    NotStreamed,
    /// No model ran for the call: the answer says only that a job was accepted, whose answer a later call fetches, or that a
    /// server has loaded or unloaded the model. Such a call has no usage, unless the provider reports one.
    NotInferred,
    /// An error that the provider reports in the answer. Ends the run.
    Error(ProviderError),
    /// A part of the answer that could not be decoded. Skipped, and counted in the result.
    DecodeFault,
    /// The protocol's end mark. Ends the run: later deltas are not observed.
    Done,
}

/// Returns the same delta, each of its `Cow`s converted. `$delta` may be a value or a reference: what is no `Cow` is
/// cloned.
macro_rules! with_parts {
    ($delta:expr, $part:expr) => {
        match $delta {
            Delta::Text { choice, text } => {
                Delta::Text { choice: choice.to_owned(), text: $part(text) }
            }
            Delta::Reasoning { choice, text } => {
                Delta::Reasoning { choice: choice.to_owned(), text: $part(text) }
            }
            Delta::Refusal { choice, text } => {
                Delta::Refusal { choice: choice.to_owned(), text: $part(text) }
            }
            Delta::ToolCall { choice, index, id, name, arguments } => Delta::ToolCall {
                choice: choice.to_owned(),
                index: index.to_owned(),
                id: id.into_iter().map($part).next(),
                name: name.into_iter().map($part).next(),
                arguments: $part(arguments),
            },
            Delta::Signature { choice, signature } => {
                Delta::Signature { choice: choice.to_owned(), signature: $part(signature) }
            }
            Delta::Native { choice, api, value, covers, text_at } => Delta::Native {
                choice: choice.to_owned(),
                api: $part(api),
                value: $part(value),
                covers: covers.to_owned(),
                text_at: text_at.into_iter().map($part).next(),
            },
            Delta::NextBlock { choice } => Delta::NextBlock { choice: choice.to_owned() },
            Delta::Finish { choice, reason } => {
                Delta::Finish { choice: choice.to_owned(), reason: $part(reason) }
            }
            Delta::Usage { usage, raw } => {
                Delta::Usage { usage: usage.to_owned(), raw: raw.into_iter().map($part).next() }
            }
            Delta::Response { id, model } => Delta::Response {
                id: id.into_iter().map($part).next(),
                model: model.into_iter().map($part).next(),
            },
            Delta::Fingerprint(fingerprint) => Delta::Fingerprint($part(fingerprint)),
            Delta::Outputs { count, dimensions } => {
                Delta::Outputs { count: count.to_owned(), dimensions: dimensions.to_owned() }
            }
            Delta::Output(value) => Delta::Output($part(value)),
            Delta::Flagged(flags) => Delta::Flagged($part(flags)),
            Delta::NotStreamed => Delta::NotStreamed,
            Delta::NotInferred => Delta::NotInferred,
            Delta::Error(error) => Delta::Error(error.to_owned()),
            Delta::DecodeFault => Delta::DecodeFault,
            Delta::Done => Delta::Done,
        }
    };
}

impl<'a> Delta<'a> {
    /// Creates a piece of text of choice 0.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Delta::Text { choice: 0, text: text.into() }
    }

    /// Creates a piece of reasoning of choice 0.
    pub fn reasoning(text: impl Into<Cow<'a, str>>) -> Self {
        Delta::Reasoning { choice: 0, text: text.into() }
    }

    /// Creates a piece of a refusal of choice 0.
    pub fn refusal(text: impl Into<Cow<'a, str>>) -> Self {
        Delta::Refusal { choice: 0, text: text.into() }
    }

    /// Creates the opening of tool call `index` of choice 0.
    ///
    /// The arguments are JSON text. They may be empty if [fragments](Self::tool_arguments) follow.
    ///
    /// ```
    /// use tower_llm_callbacks::{Delta, event::Accumulator};
    ///
    /// let mut answer = Accumulator::new();
    /// answer.delta(&Delta::tool_call(0, "call_1", "get_weather", ""));
    /// answer.delta(&Delta::tool_arguments(0, r#"{"city":"Paris"}"#));
    /// assert_eq!(answer.finish().choices[0].tool_calls[0].arguments, r#"{"city":"Paris"}"#);
    /// ```
    pub fn tool_call(
        index: u32,
        id: impl Into<Cow<'a, str>>,
        name: impl Into<Cow<'a, str>>,
        arguments: impl Into<Cow<'a, str>>,
    ) -> Self {
        let (id, name) = (Some(id.into()), Some(name.into()));
        Delta::ToolCall { choice: 0, index, id, name, arguments: arguments.into() }
    }

    /// Creates a fragment of the arguments of tool call `index` of choice 0.
    pub fn tool_arguments(index: u32, fragment: impl Into<Cow<'a, str>>) -> Self {
        Delta::ToolCall { choice: 0, index, id: None, name: None, arguments: fragment.into() }
    }

    /// Creates the signature of the reasoning of choice 0.
    pub fn signature(signature: impl Into<Cow<'a, str>>) -> Self {
        Delta::Signature { choice: 0, signature: signature.into() }
    }

    /// Creates a part of choice 0 in the form of an API. It is no other form of the content before it.
    pub fn native(api: impl Into<Cow<'a, str>>, value: Value) -> Self {
        let (api, value) = (api.into(), Cow::Owned(value));
        Delta::Native { choice: 0, api, value, covers: false, text_at: None }
    }

    /// Creates the end of choice 0, with the provider's finish reason.
    pub fn finish(reason: impl Into<Cow<'a, str>>) -> Self {
        Delta::Finish { choice: 0, reason: reason.into() }
    }

    /// Creates the token counts so far, without the provider's own object.
    ///
    /// ```
    /// use tower_llm_callbacks::{Delta, Usage, event::Accumulator};
    ///
    /// let mut answer = Accumulator::new();
    /// answer.delta(&Delta::usage(Usage::new(11, 25)));
    /// assert_eq!(answer.finish().usage.unwrap().total_tokens, Some(36));
    /// ```
    pub fn usage(usage: Usage) -> Self {
        Delta::Usage { usage, raw: None }
    }

    /// Creates the answer's id and model.
    pub fn response(id: impl Into<Cow<'a, str>>, model: impl Into<Cow<'a, str>>) -> Self {
        Delta::Response { id: Some(id.into()), model: Some(model.into()) }
    }

    /// Creates one of the outputs themselves, such as a vector.
    pub fn output(value: impl Into<Value>) -> Self {
        Delta::Output(Cow::Owned(value.into()))
    }

    /// Returns the text, reasoning, refusal or argument fragment of this delta.
    pub fn content(&self) -> Option<&str> {
        match self {
            Delta::Text { text, .. }
            | Delta::Reasoning { text, .. }
            | Delta::Refusal { text, .. } => Some(text),
            Delta::ToolCall { arguments, .. } => Some(arguments),
            _ => None,
        }
    }

    /// Borrows this delta, without an allocation.
    pub fn borrowed(&self) -> Delta<'_> {
        #[expect(clippy::ptr_arg, reason = "also called by `map`, where nothing is coerced")]
        fn borrow<'b, T: ToOwned + ?Sized>(part: &'b Cow<'_, T>) -> Cow<'b, T> {
            Cow::Borrowed(part)
        }
        with_parts!(self, borrow)
    }

    /// Converts this delta to one that owns its texts.
    pub fn into_owned(self) -> Delta<'static> {
        fn own<T: ToOwned + ?Sized>(part: Cow<'_, T>) -> Cow<'static, T> {
            Cow::Owned(part.into_owned())
        }
        with_parts!(self, own)
    }
}
