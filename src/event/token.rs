use std::{fmt, sync::Arc};

use serde::Serialize;

/// What kind of content a [`Token`] carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

/// The text of a token: the emitter's own buffer where only inline handlers look at it, shared where
/// it goes into queues. So an inline handler costs no allocation, and queued ones share a single one.
#[derive(Clone)]
enum Text {
    Buffer(String),
    Shared(Arc<str>),
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
    pub(crate) fn refill(
        &mut self,
        index: u64,
        choice: u32,
        kind: TokenKind,
        content: &str,
        tool_call: Option<Arc<ToolCallRef>>,
    ) {
        self.index = index;
        self.choice = choice;
        self.kind = kind;
        self.tool_call = tool_call;
        match &mut self.text {
            Text::Buffer(buffer) => {
                buffer.clear();
                buffer.push_str(content);
            }
            text @ Text::Shared(_) => *text = Text::Buffer(content.to_owned()),
        }
    }

    /// The same token with a text that is cheap to clone.
    pub(crate) fn share(&self) -> Self {
        Self {
            index: self.index,
            choice: self.choice,
            kind: self.kind,
            text: Text::Shared(match &self.text {
                Text::Buffer(text) => text.as_str().into(),
                Text::Shared(text) => Arc::clone(text),
            }),
            tool_call: self.tool_call.clone(),
        }
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
