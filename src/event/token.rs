use std::{fmt, sync::Arc};

use bytes::BytesMut;
use bytes_utils::{Str, StrMut};
use serde::{Deserialize, Serialize};

use super::json;

/// The kind of content that a [`Token`] carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TokenKind {
    /// The answer's text.
    Text,
    /// The model's reasoning.
    Reasoning,
    /// A refusal.
    Refusal,
    /// The opening of a tool call, or a fragment of its arguments.
    ToolCall,
}

/// The tool call that a [`Token`] of kind [`TokenKind::ToolCall`] belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolCallRef {
    /// The tool call's index within its choice.
    pub index: u32,
    /// The call's id, as far as known. Empty if the provider sends no id.
    pub id: Arc<str>,
    /// The tool's name, as far as known.
    pub name: Arc<str>,
}

impl ToolCallRef {
    pub(crate) fn new(index: u32, id: &str, name: &str) -> Self {
        Self { index, id: id.into(), name: name.into() }
    }
}

/// The content of a delta, from which a token event is built.
#[derive(Debug, Clone)]
pub(crate) struct Content<'a> {
    pub(crate) choice: u32,
    pub(crate) kind: TokenKind,
    pub(crate) text: &'a str,
    pub(crate) tool_call: Option<Arc<ToolCallRef>>,
}

/// A piece of an answer, as it arrived from the model: the payload of `on_llm_new_token`.
///
/// A token event is what the provider sent in one piece. It may hold several of the model's tokens.
#[derive(Clone)]
pub struct Token {
    pub(super) index: u64,
    pub(super) choice: u32,
    pub(super) kind: TokenKind,
    pub(super) text: Text,
    pub(super) tool_call: Option<Arc<ToolCallRef>>,
}

/// The text of a token: a buffer of the emitter for inline handlers, shared memory for queues. So an inline handler
/// costs no allocation, and queued handlers cost few: the texts of many tokens share a block of memory.
#[derive(Clone)]
pub(super) enum Text {
    Buffer(String),
    Shared(Str),
}

/// A block of memory for the texts of shared tokens, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct TextBlock(StrMut);

impl TextBlock {
    /// Small, because a token that a handler keeps also keeps its block.
    const SIZE: usize = 256;

    /// Adds a text.
    #[inline]
    pub(crate) fn put(&mut self, text: &str) -> Str {
        let free = self.0.inner().capacity() - self.0.inner().len();
        if free < text.len() {
            // A new block. The old one is freed with its last token.
            let size = text.len().max(Self::SIZE);
            self.0 = StrMut::from_inner(BytesMut::with_capacity(size)).unwrap_or_default();
        }
        self.0.push_str(text);
        self.0.split_built().freeze()
    }
}

impl Token {
    /// Creates a token with a text of a [block](TextBlock), which is cheap to clone.
    #[inline]
    pub(crate) fn shared(index: u64, content: &Content<'_>, text: Str) -> Self {
        let Content { choice, kind, text: _, tool_call } = content;
        let (choice, kind, tool_call) = (*choice, *kind, tool_call.clone());
        Self { index, choice, kind, text: Text::Shared(text), tool_call }
    }

    /// Returns the token with another text.
    pub(crate) fn with_text(&self, text: &str) -> Self {
        let text = Text::Shared(Str::from(text));
        Self { text, tool_call: self.tool_call.clone(), ..*self }
    }

    /// Returns the number of this token among the token events of its run, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Returns the index of the choice (candidate) that the token belongs to.
    pub fn choice(&self) -> u32 {
        self.choice
    }

    /// Returns the kind of content.
    pub fn kind(&self) -> TokenKind {
        self.kind
    }

    /// Returns the text. For a tool call, this is a fragment of the arguments, which may be empty where a call opens.
    pub fn text(&self) -> &str {
        match &self.text {
            Text::Buffer(text) => text,
            Text::Shared(text) => text,
        }
    }

    /// Returns the tool call that the token belongs to, for [`TokenKind::ToolCall`].
    pub fn tool_call(&self) -> Option<&ToolCallRef> {
        self.tool_call.as_deref()
    }
}

impl Token {
    /// Appends the token as JSON, as it serialises.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        out.extend_from_slice(b"{\"index\":");
        json::write(&self.index, out)?;
        out.extend_from_slice(b",\"choice\":");
        json::write(&self.choice, out)?;
        out.extend_from_slice(b",\"kind\":");
        json::write(&self.kind, out)?;
        out.extend_from_slice(b",\"text\":");
        json::write_text(self.text(), out);
        if let Some(call) = &self.tool_call {
            out.extend_from_slice(b",\"tool_call\":");
            json::write(call, out)?;
        }
        out.push(b'}');
        Ok(())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("index", &self.index)
            .field("choice", &self.choice)
            .field("kind", &self.kind)
            .field("text", &self.text())
            .field("tool_call", &self.tool_call)
            .finish()
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Parts<'a> {
            index: u64,
            choice: u32,
            kind: TokenKind,
            #[serde(borrow)]
            text: std::borrow::Cow<'a, str>,
            #[serde(default)]
            tool_call: Option<Arc<ToolCallRef>>,
        }
        let Parts { index, choice, kind, text, tool_call } = Parts::deserialize(from)?;
        Ok(Self { index, choice, kind, text: Text::Shared(Str::from(&*text)), tool_call })
    }
}

impl Serialize for Token {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let fields = 4 + usize::from(self.tool_call.is_some());
        let mut token = serializer.serialize_struct("Token", fields)?;
        token.serialize_field("index", &self.index)?;
        token.serialize_field("choice", &self.choice)?;
        token.serialize_field("kind", &self.kind)?;
        token.serialize_field("text", self.text())?;
        if let Some(call) = &self.tool_call {
            token.serialize_field("tool_call", call)?;
        }
        token.end()
    }
}
