use std::{
    fmt,
    ops::{BitAnd, BitOr, Sub},
};

use crate::{event::EventKind, run::RunType};

/// Which events a handler wants: what nobody wants is not built.
///
/// ```
/// use tower_llm_callbacks::{EventKind, EventMask, RunType};
///
/// let terminals = EventMask::LLM_END | EventMask::LLM_ERROR;
/// assert!(terminals.contains(EventKind::LlmEnd));
/// assert!(!(EventMask::ALL - EventMask::LLM_NEW_TOKEN).contains(EventKind::LlmNewToken));
///
/// let tools = EventMask::of_runs(RunType::Tool);
/// assert!(tools.contains_in(EventKind::Custom, RunType::Tool));
/// assert!(!tools.contains_in(EventKind::Custom, RunType::Llm));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventMask(u32);

/// The first of the bits for retries, one for each type of run; those for custom events follow.
const RETRIES: u32 = 16;
const CUSTOM: u32 = RETRIES + RUN_TYPES;
const RUN_TYPES: u32 = 4;

impl EventMask {
    /// No event.
    pub const NONE: Self = Self(0);
    /// Every event, and when each token came.
    pub const ALL: Self = Self(
        Self::LLM.0
            | Self::TOKEN_TIMES.0
            | Self::CHAIN.0
            | Self::TOOL.0
            | Self::RETRIEVER.0
            | Self::RETRY.0
            | Self::CUSTOM.0,
    );
    /// When a token came: [`Event::time`](crate::Event::time) of tokens. A handler with a queue that does
    /// not ask for it is told when it is handled, which saves reading the clock for each token. Other
    /// events always have their time.
    pub const TOKEN_TIMES: Self = Self(1 << 15);
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
    /// Retries, in runs of every type.
    pub const RETRY: Self = Self::of(EventKind::Retry);
    /// Custom events, in runs of every type.
    pub const CUSTOM: Self = Self::of(EventKind::Custom);

    /// One kind of event.
    pub const fn of(kind: EventKind) -> Self {
        const EVERY_TYPE: u32 = (1 << RUN_TYPES) - 1;
        match kind {
            EventKind::Retry => Self(EVERY_TYPE << RETRIES),
            EventKind::Custom => Self(EVERY_TYPE << CUSTOM),
            kind => Self(1 << kind as u32),
        }
    }

    /// Every event of runs of a type, their retries and custom events included.
    pub const fn of_runs(run_type: RunType) -> Self {
        let own = match run_type {
            RunType::Llm => Self::LLM.0 | Self::TOKEN_TIMES.0,
            RunType::Chain => Self::CHAIN.0,
            RunType::Tool => Self::TOOL.0,
            RunType::Retriever => Self::RETRIEVER.0,
        };
        Self(
            own | Self::place(EventKind::Retry, run_type)
                | Self::place(EventKind::Custom, run_type),
        )
    }

    /// Whether a kind of event is among them, be it in runs of one type only.
    pub const fn contains(self, kind: EventKind) -> bool {
        self.intersects(Self::of(kind))
    }

    /// Whether a kind of event is among them in runs of a type.
    pub const fn contains_in(self, kind: EventKind, run_type: RunType) -> bool {
        self.0 & Self::place(kind, run_type) != 0
    }

    /// Whether any of the others is among them.
    pub const fn intersects(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    const fn place(kind: EventKind, run_type: RunType) -> u32 {
        match kind {
            EventKind::Retry => 1 << (RETRIES + run_type as u32),
            EventKind::Custom => 1 << (CUSTOM + run_type as u32),
            kind => 1 << kind as u32,
        }
    }
}

/// Those that are among either.
impl BitOr for EventMask {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Those that are among both.
impl BitAnd for EventMask {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// Those that are not among the others.
impl Sub for EventMask {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl fmt::Debug for EventMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventMask({:#010x})", self.0)
    }
}
