use std::{
    fmt,
    ops::{BitOr, Sub},
};

use crate::event::EventKind;

/// Which events a handler wants: what nobody wants is not built.
///
/// ```
/// use tower_llm_callbacks::{EventKind, Interests};
///
/// let terminals = Interests::LLM_END | Interests::LLM_ERROR;
/// assert!(terminals.contains(EventKind::LlmEnd));
/// assert!(!(Interests::ALL - Interests::LLM_NEW_TOKEN).contains(EventKind::LlmNewToken));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interests(u16);

impl Interests {
    /// No event.
    pub const NONE: Self = Self(0);
    /// Every event, and when each token came.
    pub const ALL: Self = Self(0xffff);
    /// When a token came: [`Event::time`](crate::Event::time) of tokens. A handler with a queue that does
    /// not ask for it is told when it is handled, which saves reading the clock for each token. Other
    /// events always have their time.
    pub const TOKEN_TIMES: Self = Self(0x8000);
    /// The start of model calls.
    pub const LLM_START: Self = Self::of(EventKind::LlmStart);
    /// Their tokens.
    pub const LLM_NEW_TOKEN: Self = Self::of(EventKind::LlmNewToken);
    /// Their completion.
    pub const LLM_END: Self = Self::of(EventKind::LlmEnd);
    /// Their failure.
    pub const LLM_ERROR: Self = Self::of(EventKind::LlmError);
    /// Every event of model calls.
    pub const LLM: Self =
        Self(Self::LLM_START.0 | Self::LLM_NEW_TOKEN.0 | Self::LLM_END.0 | Self::LLM_ERROR.0);
    /// Every event of chains.
    pub const CHAIN: Self = Self(
        Self::of(EventKind::ChainStart).0
            | Self::of(EventKind::ChainEnd).0
            | Self::of(EventKind::ChainError).0,
    );
    /// Every event of tools.
    pub const TOOL: Self = Self(
        Self::of(EventKind::ToolStart).0
            | Self::of(EventKind::ToolEnd).0
            | Self::of(EventKind::ToolError).0,
    );
    /// Every event of retrievers.
    pub const RETRIEVER: Self = Self(
        Self::of(EventKind::RetrieverStart).0
            | Self::of(EventKind::RetrieverEnd).0
            | Self::of(EventKind::RetrieverError).0,
    );
    /// Retries.
    pub const RETRY: Self = Self::of(EventKind::Retry);
    /// Custom events.
    pub const CUSTOM: Self = Self::of(EventKind::Custom);

    /// One kind of event.
    pub const fn of(kind: EventKind) -> Self {
        Self(1 << kind as u8)
    }

    /// Whether a kind of event is among them.
    pub const fn contains(self, kind: EventKind) -> bool {
        self.0 & Self::of(kind).0 != 0
    }

    /// Whether any of the others is among them.
    pub const fn intersects(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

impl BitOr for Interests {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Sub for Interests {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl fmt::Debug for Interests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Interests({:#06x})", self.0)
    }
}
