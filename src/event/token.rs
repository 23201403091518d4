use std::{fmt, sync::Arc};

use bytes::BytesMut;
use bytes_utils::{Str, StrMut};
use serde::{Deserialize, Serialize};

use super::Content;

/// What kind of content a [`Token`] carries.
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

/// Which tool call a [`Token`] of kind [`TokenKind::ToolCall`] belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolCallRef {
    /// The tool call's index within its choice.
    pub index: u32,
    /// Its id, as far as known; empty where the provider gives none.
    pub id: Arc<str>,
    /// The tool's name, as far as known.
    pub name: Arc<str>,
}

impl ToolCallRef {
    pub(crate) fn new(index: u32, id: &str, name: &str) -> Self {
        Self { index, id: id.into(), name: name.into() }
    }
}

/// A piece of an answer, as it came from the model: what `on_llm_new_token` is told.
///
/// A "token" is what the provider sent in one piece; it may be several of the model's own tokens.
#[derive(Clone)]
pub struct Token {
    index: u64,
    choice: u32,
    kind: TokenKind,
    text: Text,
    tool_call: Option<Arc<ToolCallRef>>,
}

/// The text of a token: the emitter's own buffer where inline handlers look at it, shared where it
/// goes into queues. So an inline handler costs no allocation, and queued ones next to none: the texts
/// of many tokens share a block of memory.
#[derive(Clone)]
enum Text {
    Buffer(String),
    Shared(Str),
}

/// Where the texts of shared tokens are put, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct TextBlock(StrMut);

impl TextBlock {
    /// Small, for a token that a handler keeps keeps its block.
    const SIZE: usize = 256;

    #[inline]
    fn put(&mut self, text: &str) -> Str {
        let free = self.0.inner().capacity() - self.0.inner().len();
        if free < text.len() {
            // A new block; the old one goes with its last token.
            let size = text.len().max(Self::SIZE);
            self.0 = StrMut::from_inner(BytesMut::with_capacity(size)).unwrap_or_default();
        }
        self.0.push_str(text);
        self.0.split_built().freeze()
    }
}

impl Token {
    pub(crate) fn buffer() -> Self {
        Self {
            index: 0,
            choice: 0,
            kind: TokenKind::Text,
            text: Text::Buffer(String::new()),
            tool_call: None,
        }
    }

    /// Puts the next token into the buffer that this one is.
    #[inline]
    pub(crate) fn refill(&mut self, index: u64, content: &Content<'_>) {
        self.index = index;
        self.choice = content.choice;
        self.kind = content.kind;
        self.tool_call.clone_from(&content.tool_call);
        match &mut self.text {
            Text::Buffer(buffer) => {
                buffer.clear();
                buffer.push_str(content.text);
            }
            text @ Text::Shared(_) => *text = Text::Buffer(content.text.to_owned()),
        }
    }

    /// A token that is cheap to clone.
    #[inline]
    pub(crate) fn shared(index: u64, content: Content<'_>, block: &mut TextBlock) -> Self {
        let Content { choice, kind, text, tool_call } = content;
        Self { index, choice, kind, text: Text::Shared(block.put(text)), tool_call }
    }

    /// The number of this token among the token events of its run, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Which choice (candidate) of the answer it belongs to.
    pub fn choice(&self) -> u32 {
        self.choice
    }

    /// What it carries.
    pub fn kind(&self) -> TokenKind {
        self.kind
    }

    /// Its text; for a tool call, the fragment of the arguments (may be empty where a call opens).
    pub fn text(&self) -> &str {
        match &self.text {
            Text::Buffer(text) => text,
            Text::Shared(text) => text,
        }
    }

    /// The tool call it belongs to, for [`TokenKind::ToolCall`].
    pub fn tool_call(&self) -> Option<&ToolCallRef> {
        self.tool_call.as_deref()
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
