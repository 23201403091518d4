use std::fmt;

/// Which event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum EventKind {
    /// A model call starts.
    LlmStart,
    /// A piece of its answer came.
    LlmNewToken,
    /// It completed.
    LlmEnd,
    /// It failed, or was given up.
    LlmError,
    /// A chain starts.
    ChainStart,
    /// A chain completed.
    ChainEnd,
    /// A chain failed.
    ChainError,
    /// A tool starts.
    ToolStart,
    /// A tool completed.
    ToolEnd,
    /// A tool failed.
    ToolError,
    /// A retriever starts.
    RetrieverStart,
    /// A retriever completed.
    RetrieverEnd,
    /// A retriever failed.
    RetrieverError,
    /// Another attempt starts.
    Retry,
    /// An event of the application's own.
    Custom,
}

impl EventKind {
    /// Its name in an event record: `llm_start`, `llm_new_token` …
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::LlmStart => "llm_start",
            EventKind::LlmNewToken => "llm_new_token",
            EventKind::LlmEnd => "llm_end",
            EventKind::LlmError => "llm_error",
            EventKind::ChainStart => "chain_start",
            EventKind::ChainEnd => "chain_end",
            EventKind::ChainError => "chain_error",
            EventKind::ToolStart => "tool_start",
            EventKind::ToolEnd => "tool_end",
            EventKind::ToolError => "tool_error",
            EventKind::RetrieverStart => "retriever_start",
            EventKind::RetrieverEnd => "retriever_end",
            EventKind::RetrieverError => "retriever_error",
            EventKind::Retry => "retry",
            EventKind::Custom => "custom",
        }
    }

    /// The event with a name in event records.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        use EventKind::*;
        const ALL: [EventKind; 15] = [
            LlmStart,
            LlmNewToken,
            LlmEnd,
            LlmError,
            ChainStart,
            ChainEnd,
            ChainError,
            ToolStart,
            ToolEnd,
            ToolError,
            RetrieverStart,
            RetrieverEnd,
            RetrieverError,
            Retry,
            Custom,
        ];
        ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether it is the first event of a run.
    pub fn is_start(self) -> bool {
        use EventKind::*;
        matches!(self, LlmStart | ChainStart | ToolStart | RetrieverStart)
    }

    /// Whether it is the last event of a run.
    pub fn is_terminal(self) -> bool {
        use EventKind::*;
        matches!(
            self,
            LlmEnd
                | LlmError
                | ChainEnd
                | ChainError
                | ToolEnd
                | ToolError
                | RetrieverEnd
                | RetrieverError
        )
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
