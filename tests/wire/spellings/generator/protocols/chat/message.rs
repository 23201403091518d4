//! The names of text and reasoning in a message or its delta.

use super::{
    super::super::{
        choices::{Axis, axis},
        json::{Json, object},
    },
    Delta,
};

axis! {
    /// The name of reasoning.
    ReasoningName {
        ReasoningContent,
        Reasoning,
        Both,
        ReasoningText,
        DetailsText,
        DetailsSummary,
        /// Mistral's parts of the content.
        ThinkingPart,
        ReasoningPart,
    }
}

axis! {
    TextPlace { Content, Parts, OutputTextParts, AudioTranscript }
}

impl ReasoningName {
    pub fn members(self, text: &str) -> Delta {
        match self {
            Self::ReasoningContent => vec![("reasoning_content", text.into())],
            Self::Reasoning => vec![("reasoning", text.into())],
            Self::Both => vec![("reasoning_content", text.into()), ("reasoning", text.into())],
            Self::ReasoningText => vec![("reasoning_text", text.into())],
            Self::DetailsText => {
                let detail = object! { "type": "reasoning.text", "text": text, "index": 0 };
                vec![("reasoning_details", [detail].into())]
            }
            Self::DetailsSummary => {
                let detail = object! { "type": "reasoning.summary", "summary": text };
                vec![("reasoning_details", [detail].into())]
            }
            Self::ThinkingPart => {
                let thinking = [object! { "type": "text", "text": text }];
                let part = object! { "type": "thinking", "thinking": thinking };
                vec![("content", [part].into())]
            }
            Self::ReasoningPart => {
                let summary = [object! { "type": "summary_text", "text": text }];
                let part = object! { "type": "reasoning", "summary": summary };
                vec![("content", [part].into())]
            }
        }
    }
}

impl TextPlace {
    pub fn member(self, text: &str) -> (&'static str, Json) {
        match self {
            Self::Content => ("content", text.into()),
            Self::Parts => ("content", [object! { "type": "text", "text": text }].into()),
            Self::OutputTextParts => {
                ("content", [object! { "type": "output_text", "text": text }].into())
            }
            Self::AudioTranscript => {
                ("audio", object! { "id": "audio-1", "transcript": text, "data": "" })
            }
        }
    }
}

/// Joins the members of a message: where both are parts of the content, in one list.
pub fn merged(mut members: Delta, other: Delta) -> Delta {
    for (key, value) in other {
        match members.iter_mut().find(|(known, _)| *known == key) {
            None => members.push((key, value)),
            Some((_, Json::List(parts))) => match value {
                Json::List(more) => parts.extend(more),
                text => parts.push(object! { "type": "text", "text": text }),
            },
            Some(other) => panic!("two members of a message cannot be joined: {other:?}"),
        }
    }
    members
}
