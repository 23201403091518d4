use std::fmt;

use crate::run::RunType;

/// The kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum EventKind {
    /// A call of a language model started.
    LlmStart,
    /// A piece of a model's answer arrived. Transcriptions and other answers that are text have pieces, too.
    LlmNewToken,
    /// A call of a language model completed.
    LlmEnd,
    /// A call of a language model failed or was cancelled.
    LlmError,
    /// A run of another type started.
    RunStart(RunType),
    /// A run of another type completed.
    RunEnd(RunType),
    /// A run of another type failed or was cancelled.
    RunError(RunType),
    /// Another attempt of a call started.
    Retry,
    /// An event of the application.
    Custom,
}

impl EventKind {
    /// Returns the name of the event in an event record: `llm_start`, `llm_new_token`, `chain_start` …
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::LlmStart => "llm_start",
            EventKind::LlmNewToken => "llm_new_token",
            EventKind::LlmEnd => "llm_end",
            EventKind::LlmError => "llm_error",
            EventKind::RunStart(run_type) => run_type.event_names()[0],
            EventKind::RunEnd(run_type) => run_type.event_names()[1],
            EventKind::RunError(run_type) => run_type.event_names()[2],
            EventKind::Retry => "retry",
            EventKind::Custom => "custom",
        }
    }

    /// Returns the kind with a name in event records.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|kind| kind.as_str() == name)
    }

    fn all() -> impl Iterator<Item = Self> {
        let own = RunType::ALL
            .iter()
            .flat_map(|&of| [Self::start_of(of), Self::end_of(of), Self::error_of(of)]);
        [EventKind::LlmNewToken, EventKind::Retry, EventKind::Custom].into_iter().chain(own)
    }

    /// Returns a number that stands for the kind.
    #[inline]
    pub(crate) fn number(self) -> u8 {
        match self {
            EventKind::LlmNewToken => 0,
            other => Self::all().position(|kind| kind == other).unwrap_or_default() as u8,
        }
    }

    /// Returns the kind that a [number](Self::number) stands for.
    pub(crate) fn of_number(number: u8) -> Self {
        Self::all().nth(number.into()).unwrap_or(EventKind::LlmNewToken)
    }

    /// Returns the kind of the start of a run of a type.
    pub const fn start_of(run_type: RunType) -> Self {
        match run_type {
            RunType::Llm => EventKind::LlmStart,
            other => EventKind::RunStart(other),
        }
    }

    /// Returns the kind of the end of a run of a type that completes.
    pub const fn end_of(run_type: RunType) -> Self {
        match run_type {
            RunType::Llm => EventKind::LlmEnd,
            other => EventKind::RunEnd(other),
        }
    }

    /// Returns the kind of the end of a run of a type that fails or is cancelled.
    pub const fn error_of(run_type: RunType) -> Self {
        match run_type {
            RunType::Llm => EventKind::LlmError,
            other => EventKind::RunError(other),
        }
    }

    /// Returns true if this is the first event of a run.
    pub fn is_start(self) -> bool {
        matches!(self, EventKind::LlmStart | EventKind::RunStart(_))
    }

    /// Returns true if this is the last event of a run.
    pub fn is_terminal(self) -> bool {
        use EventKind::*;
        matches!(self, LlmEnd | LlmError | RunEnd(_) | RunError(_))
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_for_kinds() {
        for kind in EventKind::all() {
            assert_eq!(EventKind::of_number(kind.number()), kind);
        }
    }
}
