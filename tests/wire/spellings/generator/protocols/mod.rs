//! The protocols: each renders an answer as the JSON texts of its events, or as one.

mod anthropic;
mod chat;
mod cohere;
mod completions;
mod gemini;
mod interactions;
mod ollama;
mod responses;

use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use tower_llm_callbacks::{
    LlmStart,
    wire::{
        Decoder, Format, LlmHttpResponse,
        anthropic::AnthropicMessages,
        cohere::CohereChat,
        gemini::Gemini,
        gemini_interactions::GeminiInteractions,
        ollama::OllamaChat,
        openai_chat::{OpenAiChat, OpenAiCompletions},
        openai_responses::OpenAiResponses,
    },
};

use super::{
    answer::Answer,
    choices::{Axis, Choices, axis},
    framing::{Event, event_stream},
    json::Json,
    outcome::Outcome,
    whole::whole,
    writing::Writer,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Anthropic,
    Chat,
    Completions,
    Responses,
    Gemini,
    Ollama,
    Cohere,
    Interactions,
}

/// A body, and what it says.
pub struct Rendered {
    pub body: Vec<u8>,
    pub content_type: &'static str,
    pub expected: Outcome,
}

axis! {
    Form { Streamed, Whole }
}

axis! {
    /// The end mark of OpenAI's protocols, which gateways append to any stream.
    DoneMark { AsTheProtocolHasIt, TheOtherWay }
}

impl Protocol {
    /// Returns a decoder for the response to a request that asked for a streamed answer or not.
    pub fn decoder(self, content_type: Option<&str>, stream: bool) -> Box<dyn Decoder> {
        let format: &dyn Format = match self {
            Self::Anthropic => &AnthropicMessages,
            Self::Chat => &OpenAiChat,
            Self::Completions => &OpenAiCompletions,
            Self::Responses => &OpenAiResponses,
            Self::Gemini => &Gemini,
            Self::Ollama => &OllamaChat,
            Self::Cohere => &CohereChat,
            Self::Interactions => &GeminiInteractions,
        };
        let value = content_type.map(|it| (CONTENT_TYPE, it.parse().expect("a header value")));
        let headers: HeaderMap = value.into_iter().collect();
        let request = LlmStart::new("", "").stream(stream);
        format.decoder(&LlmHttpResponse::new(StatusCode::OK, &headers).request(&request))
    }

    /// Whether answers have an id.
    pub fn has_id(self) -> bool {
        self != Self::Ollama
    }

    /// Whether answers name their model.
    pub fn has_model(self) -> bool {
        self != Self::Cohere
    }

    /// The protocol's word for why an answer ended.
    pub fn finish(self, answer: &Answer) -> &'static str {
        match (self, answer.cut_short, answer.calls.is_empty()) {
            (Self::Anthropic, true, _) => "max_tokens",
            (Self::Anthropic, false, true) => "end_turn",
            (Self::Anthropic, false, false) => "tool_use",
            (Self::Responses, true, _) => "max_output_tokens",
            (Self::Responses, false, _) => "completed",
            (Self::Gemini, true, _) => "MAX_TOKENS",
            (Self::Gemini, false, _) => "STOP",
            (Self::Ollama, false, _) => "stop",
            (Self::Cohere, true, _) => "MAX_TOKENS",
            (Self::Cohere, false, true) => "COMPLETE",
            (Self::Cohere, false, false) => "TOOL_CALL",
            (Self::Interactions, true, _) => "incomplete",
            (Self::Interactions, false, true) => "completed",
            (Self::Interactions, false, false) => "requires_action",
            (_, true, _) => "length",
            (_, false, true) => "stop",
            (_, false, false) => "tool_calls",
        }
    }

    /// Chooses a spelling of an answer.
    pub fn render(self, mut answer: Answer, choices: &mut Choices<'_>) -> Rendered {
        if self == Self::Completions {
            // The protocol has neither.
            answer.calls.clear();
            answer.reasoning.clear();
        }
        usage_of(self, &mut answer);
        let expected = Outcome::of(&answer, self);
        let writer = &mut Writer::new(choices);
        let of: Of = match self {
            Self::Gemini => return gemini::render(&answer, expected, writer, choices),
            Self::Ollama => return ollama::render(&answer, expected, writer, choices),
            Self::Cohere => return cohere::render(&answer, expected, writer, choices),
            Self::Interactions => (interactions::whole, interactions::stream, true),
            Self::Anthropic => (anthropic::whole, anthropic::stream, false),
            Self::Chat => (chat::whole, chat::stream, true),
            Self::Completions => (completions::whole, completions::stream, true),
            Self::Responses => (responses::whole, responses::stream, false),
        };
        render(of, &answer, expected, writer, choices)
    }
}

/// Removes the counts that a protocol cannot report.
fn usage_of(protocol: Protocol, answer: &mut Answer) {
    let Some(usage) = &mut answer.usage else { return };
    if matches!(
        protocol,
        Protocol::Gemini | Protocol::Ollama | Protocol::Cohere | Protocol::Interactions
    ) {
        usage.write = 0;
    }
    if protocol == Protocol::Cohere {
        usage.reasoning = 0;
    }
    if protocol == Protocol::Ollama {
        (usage.read, usage.reasoning) = (0, 0);
    }
}

/// The JSON of a whole answer, the events of a streamed one, and whether an end mark belongs to the protocol.
type Of = (
    fn(&Answer, &mut Outcome, &mut Choices<'_>) -> Json,
    fn(&Answer, &mut Outcome, &mut Choices<'_>) -> Vec<Event>,
    bool,
);

/// Renders the protocols whose streams are server-sent events.
fn render(
    (json, events, has_mark): Of,
    answer: &Answer,
    mut expected: Outcome,
    writer: &mut Writer,
    choices: &mut Choices<'_>,
) -> Rendered {
    if choices.axis::<Form>() == Form::Whole {
        expected.streamed = Some(false);
        let body = whole(&json(answer, &mut expected, choices), writer, choices);
        return Rendered { body, content_type: "application/json", expected };
    }
    let mut events = events(answer, &mut expected, choices);
    if has_mark == (choices.axis::<DoneMark>() == DoneMark::AsTheProtocolHasIt) {
        events.push(Event::text("[DONE]"));
    }
    let body = event_stream(&events, writer, choices);
    Rendered { body, content_type: "text/event-stream", expected }
}
