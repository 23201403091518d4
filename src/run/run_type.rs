use std::fmt;

use serde::Deserialize;

/// What a run is an execution of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
#[non_exhaustive]
pub enum RunType {
    /// A call of a language model.
    Llm,
    /// A chain: any service that calls others.
    Chain,
    /// A tool.
    Tool,
    /// A retriever.
    Retriever,
}

impl RunType {
    /// Its name in an event record.
    pub fn as_str(self) -> &'static str {
        match self {
            RunType::Llm => "llm",
            RunType::Chain => "chain",
            RunType::Tool => "tool",
            RunType::Retriever => "retriever",
        }
    }
}

impl fmt::Display for RunType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
