use std::borrow::Cow;

use serde_json::Value;

use super::{ProviderError, Usage};

/// One fact read off a model's answer.
///
/// Typed chunks (through [`LlmChunk`](crate::LlmChunk)) and the wire decoders (in
/// [`wire`](crate::wire)) both speak deltas. Those that carry content (text, reasoning, refusal, a
/// fragment of a tool call) become token events; the others only add to the
/// [`LlmResult`](super::LlmResult).
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
        /// Which choice (candidate) it belongs to; 0 where the provider gives one answer.
        choice: u32,
        /// The text; an empty one is no token event.
        text: Cow<'a, str>,
    },
    /// A piece of the model's reasoning.
    Reasoning {
        /// Which choice it belongs to.
        choice: u32,
        /// The reasoning text.
        text: Cow<'a, str>,
    },
    /// A piece of a refusal.
    Refusal {
        /// Which choice it belongs to.
        choice: u32,
        /// The refusal text.
        text: Cow<'a, str>,
    },
    /// The opening of a tool call, or a fragment of its arguments.
    ToolCall {
        /// Which choice it belongs to.
        choice: u32,
        /// Which tool call of the choice: fragments with the same index belong together.
        index: u32,
        /// The call's id, where this delta says it.
        id: Option<Cow<'a, str>>,
        /// The tool's name, where this delta says it.
        name: Option<Cow<'a, str>>,
        /// The next fragment of the arguments, a JSON text; may be empty.
        arguments: Cow<'a, str>,
    },
    /// A choice has ended, in the provider's own word.
    Finish {
        /// Which choice it belongs to.
        choice: u32,
        /// `end_turn`, `stop`, `tool_use`, `length` …
        reason: Cow<'a, str>,
    },
    /// Token counts so far. Later ones replace earlier ones.
    Usage {
        /// The counts, normalised.
        usage: Usage,
        /// The provider's own object.
        raw: Option<Cow<'a, Value>>,
    },
    /// What the provider says about the answer.
    Response {
        /// The answer's id.
        id: Option<Cow<'a, str>>,
        /// The model that answers.
        model: Option<Cow<'a, str>>,
    },
    /// The answer came whole, not streamed: nothing of it is a token event.
    NotStreamed,
    /// The provider reports an error in the answer. It ends the run.
    Error(ProviderError),
    /// A part of the answer could not be read; it was passed over and is counted in the result.
    DecodeFault,
    /// The protocol's own end of the answer. It ends the run; nothing after it is observed.
    Done,
}

impl<'a> Delta<'a> {
    /// A piece of text of choice 0.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Delta::Text { choice: 0, text: text.into() }
    }

    /// A piece of reasoning of choice 0.
    pub fn reasoning(text: impl Into<Cow<'a, str>>) -> Self {
        Delta::Reasoning { choice: 0, text: text.into() }
    }

    /// A piece of a refusal of choice 0.
    pub fn refusal(text: impl Into<Cow<'a, str>>) -> Self {
        Delta::Refusal { choice: 0, text: text.into() }
    }

    /// The opening of tool call `index` of choice 0. Its arguments, a JSON text, may be empty if
    /// [fragments](Self::tool_arguments) follow.
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

    /// A fragment of the arguments of tool call `index` of choice 0.
    pub fn tool_arguments(index: u32, fragment: impl Into<Cow<'a, str>>) -> Self {
        Delta::ToolCall { choice: 0, index, id: None, name: None, arguments: fragment.into() }
    }

    /// The end of choice 0.
    pub fn finish(reason: impl Into<Cow<'a, str>>) -> Self {
        Delta::Finish { choice: 0, reason: reason.into() }
    }

    /// The token counts so far, without the provider's own object.
    ///
    /// ```
    /// use tower_llm_callbacks::{Delta, Usage, event::Accumulator};
    ///
    /// let mut answer = Accumulator::new();
    /// answer.delta(&Delta::usage(Usage::new(11, 25)));
    /// assert_eq!(answer.finish().usage.unwrap().total_tokens, 36);
    /// ```
    pub fn usage(usage: Usage) -> Self {
        Delta::Usage { usage, raw: None }
    }

    /// The provider's id of the answer and the model that answers.
    pub fn response(id: impl Into<Cow<'a, str>>, model: impl Into<Cow<'a, str>>) -> Self {
        Delta::Response { id: Some(id.into()), model: Some(model.into()) }
    }

    /// The text, reasoning, refusal or argument fragment it carries.
    pub fn content(&self) -> Option<&str> {
        match self {
            Delta::Text { text, .. }
            | Delta::Reasoning { text, .. }
            | Delta::Refusal { text, .. } => Some(text),
            Delta::ToolCall { arguments, .. } => Some(arguments),
            _ => None,
        }
    }

    /// The same delta, borrowed from this one. Costs no allocation.
    pub fn borrowed(&self) -> Delta<'_> {
        fn b<'b>(text: &'b str) -> Cow<'b, str> {
            Cow::Borrowed(text)
        }
        match self {
            Delta::Text { choice, text } => Delta::Text { choice: *choice, text: b(text) },
            Delta::Reasoning { choice, text } => {
                Delta::Reasoning { choice: *choice, text: b(text) }
            }
            Delta::Refusal { choice, text } => Delta::Refusal { choice: *choice, text: b(text) },
            Delta::ToolCall { choice, index, id, name, arguments } => Delta::ToolCall {
                choice: *choice,
                index: *index,
                id: id.as_deref().map(b),
                name: name.as_deref().map(b),
                arguments: b(arguments),
            },
            Delta::Finish { choice, reason } => {
                Delta::Finish { choice: *choice, reason: b(reason) }
            }
            Delta::Usage { usage, raw } => {
                Delta::Usage { usage: *usage, raw: raw.as_ref().map(|raw| Cow::Borrowed(&**raw)) }
            }
            Delta::Response { id, model } => {
                Delta::Response { id: id.as_deref().map(b), model: model.as_deref().map(b) }
            }
            Delta::NotStreamed => Delta::NotStreamed,
            Delta::Error(error) => Delta::Error(error.clone()),
            Delta::DecodeFault => Delta::DecodeFault,
            Delta::Done => Delta::Done,
        }
    }

    /// The same delta with texts of its own.
    pub fn into_owned(self) -> Delta<'static> {
        fn o(text: Cow<'_, str>) -> Cow<'static, str> {
            Cow::Owned(text.into_owned())
        }
        match self {
            Delta::Text { choice, text } => Delta::Text { choice, text: o(text) },
            Delta::Reasoning { choice, text } => Delta::Reasoning { choice, text: o(text) },
            Delta::Refusal { choice, text } => Delta::Refusal { choice, text: o(text) },
            Delta::ToolCall { choice, index, id, name, arguments } => Delta::ToolCall {
                choice,
                index,
                id: id.map(o),
                name: name.map(o),
                arguments: o(arguments),
            },
            Delta::Finish { choice, reason } => Delta::Finish { choice, reason: o(reason) },
            Delta::Usage { usage, raw } => {
                Delta::Usage { usage, raw: raw.map(|raw| Cow::Owned(raw.into_owned())) }
            }
            Delta::Response { id, model } => Delta::Response { id: id.map(o), model: model.map(o) },
            Delta::NotStreamed => Delta::NotStreamed,
            Delta::Error(error) => Delta::Error(error),
            Delta::DecodeFault => Delta::DecodeFault,
            Delta::Done => Delta::Done,
        }
    }
}
