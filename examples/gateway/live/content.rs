use serde::Serialize;
use serde_json::Value;
use tower_llm_callbacks::{LlmResult, Token, TokenKind};

use super::{
    CONTENT, PARTS, WORD,
    text::{json, prefix},
};

/// A prompt or an answer, as far as it is kept.
#[derive(Debug, Default, Serialize)]
pub(super) struct Content {
    pub(super) parts: Vec<Part>,
    /// Whether something was left out.
    pub(super) cut: bool,
    #[serde(skip)]
    bytes: usize,
}

/// A message, or what an answer has of one kind.
#[derive(Debug, Default, Serialize)]
pub(super) struct Part {
    /// A role, or a kind of token.
    kind: String,
    choice: u32,
    /// Of a tool call.
    #[serde(skip)]
    index: u32,
    name: String,
    pub(super) text: String,
}

impl Content {
    /// A prompt's messages, which every provider writes in its own way.
    pub(super) fn prompt(messages: &Value) -> Self {
        let mut content = Self::default();
        let Value::Array(messages) = messages else {
            content.value("prompt", messages);
            return content;
        };
        for message in messages {
            let role = message["role"].as_str().unwrap_or("message");
            let said = ["content", "parts"].iter().find_map(|key| message.get(key));
            // Beside its content a message may have tool calls and more, none of which is to be hidden.
            let is_all = message.as_object().is_some_and(|all| {
                all.keys().all(|key| matches!(key.as_str(), "role" | "content" | "parts"))
            });
            match said {
                Some(Value::String(text)) if is_all => content.add(role, text),
                Some(Value::Array(blocks)) if is_all => {
                    for block in blocks {
                        content.block(role, block);
                    }
                }
                _ => content.value(role, message),
            }
        }
        content
    }

    /// What a chain, a tool or a retriever was given, or has made.
    pub(super) fn of_value(kind: &str, value: &Value) -> Self {
        let mut content = Self::default();
        match value {
            Value::String(text) => content.add(kind, text),
            value => content.value(kind, value),
        }
        content
    }

    /// A whole answer.
    pub(super) fn answer(result: &LlmResult) -> Self {
        let mut content = Self::default();
        for choice in &result.choices {
            let texts = [
                (TokenKind::Reasoning, &choice.reasoning),
                (TokenKind::Refusal, &choice.refusal),
                (TokenKind::Text, &choice.text),
            ];
            for (kind, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
                content.grow(kind, choice.index, 0, "", text);
            }
            for (index, call) in (0..).zip(&choice.tool_calls) {
                let kind = TokenKind::ToolCall;
                content.grow(kind, choice.index, index, &call.name, &call.arguments);
            }
        }
        content
    }

    pub(super) fn token(&mut self, token: &Token) {
        let (index, name) = token.tool_call().map_or((0, ""), |call| (call.index, &*call.name));
        self.grow(token.kind(), token.choice(), index, name, token.text());
    }

    fn grow(&mut self, kind: TokenKind, choice: u32, index: u32, name: &str, text: &str) {
        let kind = word(kind);
        let is_it = |part: &Part| (&*part.kind, part.choice, part.index) == (kind, choice, index);
        let at = self.parts.iter().rposition(is_it);
        let Some(at) = at.or_else(|| self.open(kind, choice, index, name)) else { return };
        let kept = prefix(text, CONTENT - self.bytes);
        self.cut |= kept.len() < text.len();
        // Nothing is added behind a gap.
        self.bytes = if kept.len() < text.len() { CONTENT } else { self.bytes + kept.len() };
        self.parts[at].text.push_str(kept);
    }

    fn open(&mut self, kind: &str, choice: u32, index: u32, name: &str) -> Option<usize> {
        if self.parts.len() >= PARTS {
            self.cut = true;
            return None;
        }
        let (kind, name) = (prefix(kind, WORD).to_owned(), prefix(name, WORD).to_owned());
        self.parts.push(Part { kind, choice, index, name, text: String::new() });
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
        let Some(at) = self.open(kind, 0, 0, "") else { return };
        let kept = prefix(text, CONTENT - self.bytes);
        self.cut |= kept.len() < text.len();
        self.bytes += kept.len();
        self.parts[at].text = kept.to_owned();
    }
}

fn word(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Text => "text",
        TokenKind::Reasoning => "reasoning",
        TokenKind::Refusal => "refusal",
        TokenKind::ToolCall => "tool_call",
        _ => "other",
    }
}
