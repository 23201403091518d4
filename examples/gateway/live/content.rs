use serde::Serialize;
use serde_json::Value;
use tower_llm_callbacks::{LlmResult, Token, TokenKind};

use super::{
    CONTENT, NAME, PARTS,
    text::{json, prefix},
};

/// The kept part of a prompt or an answer.
#[derive(Debug, Default, Serialize)]
pub(super) struct RunContent {
    pub(super) parts: Vec<ContentPart>,
    /// Whether parts or text were omitted.
    pub(super) cut: bool,
    #[serde(skip)]
    bytes: usize,
}

/// A message of a prompt, or the content of one kind in an answer.
#[derive(Debug, Default, Serialize)]
pub(super) struct ContentPart {
    /// A role, or a kind of token.
    kind: String,
    choice: u32,
    /// The index of a tool call.
    #[serde(skip)]
    index: u32,
    name: String,
    pub(super) text: String,
}

impl RunContent {
    /// Reads a prompt's messages, whose form depends on the provider.
    pub(super) fn prompt(messages: &Value) -> Self {
        let mut content = Self::default();
        let Value::Array(messages) = messages else {
            content.value("prompt", messages);
            return content;
        };
        for message in messages {
            let role = message["role"].as_str().unwrap_or("message");
            let body = ["content", "parts"].iter().find_map(|key| message.get(key));
            // A message with other members, such as tool calls, is shown as a whole.
            let is_plain = message.as_object().is_some_and(|all| {
                all.keys().all(|key| matches!(key.as_str(), "role" | "content" | "parts"))
            });
            match body {
                Some(Value::String(text)) if is_plain => content.add(role, text),
                Some(Value::Array(blocks)) if is_plain => {
                    for block in blocks {
                        content.block(role, block);
                    }
                }
                _ => content.value(role, message),
            }
        }
        content
    }

    /// Reads the input or output of a chain, a tool or a retriever.
    pub(super) fn from_value(kind: &str, value: &Value) -> Self {
        let mut content = Self::default();
        match value {
            Value::String(text) => content.add(kind, text),
            value => content.value(kind, value),
        }
        content
    }

    /// Reads a complete answer.
    pub(super) fn answer(result: &LlmResult) -> Self {
        let mut content = Self::default();
        for choice in &result.choices {
            let texts = [
                (TokenKind::Reasoning, &choice.reasoning),
                (TokenKind::Refusal, &choice.refusal),
                (TokenKind::Text, &choice.text),
            ];
            for (kind, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
                content.append(kind, choice.index, 0, "", text);
            }
            for (index, call) in (0..).zip(&choice.tool_calls) {
                let kind = TokenKind::ToolCall;
                content.append(kind, choice.index, index, &call.name, &call.arguments);
            }
        }
        content
    }

    pub(super) fn token(&mut self, token: &Token) {
        let (index, name) = token.tool_call().map_or((0, ""), |call| (call.index, &*call.name));
        self.append(token.kind(), token.choice(), index, name, token.text());
    }

    fn append(&mut self, kind: TokenKind, choice: u32, index: u32, name: &str, text: &str) {
        let kind = kind_name(kind);
        let key = (kind, choice, index);
        let has_key = |part: &ContentPart| (&*part.kind, part.choice, part.index) == key;
        let at = self.parts.iter().rposition(has_key);
        let Some(at) = at.or_else(|| self.add_part(kind, choice, index, name)) else { return };
        let kept = prefix(text, CONTENT - self.bytes);
        self.cut |= kept.len() < text.len();
        // Text must not continue after a gap.
        self.bytes = if kept.len() < text.len() { CONTENT } else { self.bytes + kept.len() };
        self.parts[at].text.push_str(kept);
    }

    fn add_part(&mut self, kind: &str, choice: u32, index: u32, name: &str) -> Option<usize> {
        if self.parts.len() >= PARTS {
            self.cut = true;
            return None;
        }
        let (kind, name) = (prefix(kind, NAME).to_owned(), prefix(name, NAME).to_owned());
        self.parts.push(ContentPart { kind, choice, index, name, text: String::new() });
        Some(self.parts.len() - 1)
    }

    fn block(&mut self, role: &str, block: &Value) {
        match block["text"].as_str() {
            Some(text) => self.add(role, text),
            None => self.value(role, block),
        }
    }

    fn value(&mut self, kind: &str, value: &Value) {
        let (text, is_cut) = json(value, CONTENT - self.bytes);
        self.add(kind, &text);
        self.cut |= is_cut;
    }

    fn add(&mut self, kind: &str, text: &str) {
        let Some(at) = self.add_part(kind, 0, 0, "") else { return };
        let kept = prefix(text, CONTENT - self.bytes);
        self.cut |= kept.len() < text.len();
        self.bytes += kept.len();
        self.parts[at].text = kept.to_owned();
    }
}

fn kind_name(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Text => "text",
        TokenKind::Reasoning => "reasoning",
        TokenKind::Refusal => "refusal",
        TokenKind::ToolCall => "tool_call",
        _ => "other",
    }
}
