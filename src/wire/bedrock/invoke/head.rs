use serde_json::{Map, Value};

use crate::wire::json::members_of;

/// The names of Nova's chunks, which have one member each.
const EVENTS: [&str; 6] = [
    "messageStart",
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "metadata",
];

/// What the members of an answer, or of a chunk, say of its dialect.
#[derive(Debug, Default)]
pub(super) struct Head<'a> {
    pub(super) dialect: Option<Named>,
    /// The event of a chunk of Nova's: its name, and its value.
    pub(super) event: Option<(&'static str, &'a str)>,
    /// The counts that Bedrock adds to the last chunk.
    pub(super) metrics: Option<Map<String, Value>>,
    /// There are other members than those that Bedrock adds.
    pub(super) has_content: bool,
    /// A guardrail has replaced the answer.
    pub(super) blocked: bool,
}

/// A dialect that its members show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    Messages,
    Chat,
    Converse,
    Vectors,
}

impl<'a> Head<'a> {
    /// Reads the members of a JSON object, up to the first fault.
    pub(super) fn of(json: &'a str) -> Self {
        let mut head = Self::default();
        members_of(json, |name, value| head.member(&name, value));
        head
    }

    fn member(&mut self, name: &str, value: &'a str) {
        if name.starts_with("amazon-bedrock-") {
            match name {
                "amazon-bedrock-invocationMetrics" => {
                    self.metrics = serde_json::from_str(value).ok();
                }
                "amazon-bedrock-guardrailAction" => self.blocked = value.contains("INTERVENED"),
                _ => {}
            }
            return;
        }
        self.has_content = true;
        let event = EVENTS.into_iter().find(|event| *event == name);
        let has = |texts: &[&str]| texts.iter().any(|text| value.contains(text));
        let named = match name {
            _ if event.is_some() => {
                self.event = event.map(|event| (event, value));
                Some(Named::Converse)
            }
            "output" if value.starts_with('{') => Some(Named::Converse),
            "type" => matches!(
                value.trim_matches('"'),
                "message" | "error" | "ping" | "message_start" | "message_delta" | "message_stop"
            )
            .then_some(Named::Messages)
            .or_else(|| value.starts_with("\"content_block_").then_some(Named::Messages)),
            // Those of other dialects have neither.
            "choices" if has(&["\"message\"", "\"delta\"", "\"finish_reason\""]) => {
                Some(Named::Chat)
            }
            "embedding" | "embeddings" | "embeddingsByType" | "images" | "artifacts" => {
                Some(Named::Vectors)
            }
            // TwelveLabs' Marengo.
            "data" if has(&["\"embedding\""]) => Some(Named::Vectors),
            "results" if has(&["\"relevance_score\"", "\"relevanceScore\""]) => {
                Some(Named::Vectors)
            }
            _ => None,
        };
        self.dialect = self.dialect.or(named);
    }
}
