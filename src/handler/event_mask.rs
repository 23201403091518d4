use bitflags::bitflags;

use crate::{
    event::EventKind,
    run::{RunType, with_run_types},
};

/// The bits of a run type other than `llm`: start, end, error, retry, custom, token.
const WIDTH: u32 = 6;
/// The first bit of those run types.
const FIRST: u32 = 7;

macro_rules! define {
    ([] $($variant:ident $mask:ident $name:literal $noun:literal: $start:ident($starts:ident $input:ident)
        $end:ident($ends:ident $output:ident) $error:ident($fails:ident);)*) => {
        bitflags! {
            /// The events that a handler wants. An event that no handler wants is not built.
            ///
            /// ```
            /// use tower_llm_callbacks::{EventKind, EventMask, RunType};
            ///
            /// let terminals = EventMask::LLM_END | EventMask::LLM_ERROR;
            /// assert!(terminals.wants(EventKind::LlmEnd));
            /// assert!(!(EventMask::ALL - EventMask::LLM_NEW_TOKEN).wants(EventKind::LlmNewToken));
            ///
            /// let tools = EventMask::of_runs(RunType::Tool);
            /// assert!(tools.wants_in(EventKind::Custom, RunType::Tool));
            /// assert!(!tools.wants_in(EventKind::Custom, RunType::Llm));
            /// ```
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
            pub struct EventMask: u64 {
                /// The starts of calls of language models.
                const LLM_START = 1;
                /// The tokens of model calls, of language models and others.
                const LLM_NEW_TOKEN = Self::in_every_type(EventKind::LlmNewToken);
                /// The completions of calls of language models.
                const LLM_END = 1 << 2;
                /// The failures of calls of language models.
                const LLM_ERROR = 1 << 3;
                /// The times of tokens: [`Event::time`](crate::Event::time) is when a token arrived.
                ///
                /// Without this flag a queued handler gets the time when it is called, which saves reading the clock
                /// for each token. Other events always have the time when they happened.
                const TOKEN_TIMES = 1 << 4;
                /// Every event of calls of language models, except retries and custom events.
                const LLM = 0b1111;
                $(
                    #[doc = concat!("Every event of runs of the type `", $name, "`, except retries and custom events.")]
                    const $mask = Self::own(RunType::$variant);
                )*
                /// Every event of calls of models, of language models and others, except retries and custom events.
                const MODELS = Self::LLM.bits() $(
                    | if RunType::$variant.is_model_call() { Self::own(RunType::$variant) } else { 0 }
                )*;
                /// Retries, in runs of every type.
                const RETRY = Self::in_every_type(EventKind::Retry);
                /// Custom events, in runs of every type.
                const CUSTOM = Self::in_every_type(EventKind::Custom);
                /// No event.
                const NONE = 0;
                /// Every event, and the times of tokens.
                const ALL = Self::RETRY.bits() | Self::CUSTOM.bits() | Self::LLM.bits()
                    | Self::TOKEN_TIMES.bits() $(| Self::$mask.bits())*;
            }
        }
    };
}

with_run_types!(define);

impl EventMask {
    /// Returns the mask of one kind of event. Tokens, retries and custom events are those of runs of every type.
    pub const fn of(kind: EventKind) -> Self {
        match kind {
            EventKind::Retry => Self::RETRY,
            EventKind::Custom => Self::CUSTOM,
            EventKind::LlmNewToken => Self::LLM_NEW_TOKEN,
            // These kinds name the run type.
            kind => Self::from_bits_retain(Self::bit(kind, RunType::Llm)),
        }
    }

    /// Returns the mask of every event in runs of a type, retries and custom events included.
    pub const fn of_runs(run_type: RunType) -> Self {
        let own = match run_type {
            RunType::Llm => Self::LLM.bits(),
            other => Self::own(other),
        };
        let times = if run_type.is_model_call() { Self::TOKEN_TIMES.bits() } else { 0 };
        let more = Self::bit(EventKind::Retry, run_type) | Self::bit(EventKind::Custom, run_type);
        Self::from_bits_retain(own | times | more)
    }

    /// Returns true if the mask has a kind of event, even if only in runs of one type.
    #[inline]
    pub const fn wants(self, kind: EventKind) -> bool {
        self.bits() & Self::of(kind).bits() != 0
    }

    /// Returns true if the mask has a kind of event in runs of a type.
    #[inline]
    pub const fn wants_in(self, kind: EventKind, run_type: RunType) -> bool {
        self.bits() & Self::bit(kind, run_type) != 0
    }

    /// The bit of an event, in runs of a type where the kind does not name one.
    const fn bit(kind: EventKind, run_type: RunType) -> u64 {
        let (run_type, place) = match kind {
            EventKind::LlmStart => return 1,
            EventKind::LlmEnd => return 1 << 2,
            EventKind::LlmError => return 1 << 3,
            EventKind::RunStart(run_type) => (run_type, 0),
            EventKind::RunEnd(run_type) => (run_type, 1),
            EventKind::RunError(run_type) => (run_type, 2),
            EventKind::Retry => (run_type, 3),
            EventKind::Custom => (run_type, 4),
            EventKind::LlmNewToken if !run_type.is_model_call() => return 0,
            EventKind::LlmNewToken => (run_type, 5),
        };
        match (run_type, place) {
            (RunType::Llm, 5) => 1 << 1,
            (RunType::Llm, 0..3) => 0,
            (RunType::Llm, place) => 1 << (place + 2),
            (other, place) => 1 << (FIRST + (other as u32 - 1) * WIDTH + place),
        }
    }

    /// The bits of a run type's start, end and error, and of its tokens.
    const fn own(run_type: RunType) -> u64 {
        Self::bit(EventKind::RunStart(run_type), run_type)
            | Self::bit(EventKind::RunEnd(run_type), run_type)
            | Self::bit(EventKind::RunError(run_type), run_type)
            | Self::bit(EventKind::LlmNewToken, run_type)
    }

    const fn in_every_type(kind: EventKind) -> u64 {
        let (mut bits, mut index) = (0, 0);
        while index < RunType::ALL.len() {
            bits |= Self::bit(kind, RunType::ALL[index]);
            index += 1;
        }
        bits
    }
}
