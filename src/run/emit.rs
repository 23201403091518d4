use std::{error::Error, fmt};

/// Why a custom event did not reach every handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmitError(Reason);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    Ended,
    Full { handlers: usize },
    OutsideRun,
}

impl EmitError {
    pub(crate) fn ended() -> Self {
        Self(Reason::Ended)
    }

    pub(crate) fn full(handlers: usize) -> Self {
        Self(Reason::Full { handlers })
    }

    pub(crate) fn outside_run() -> Self {
        Self(Reason::OutsideRun)
    }

    /// Whether the run has ended, so that nobody was told.
    pub fn is_ended(&self) -> bool {
        self.0 == Reason::Ended
    }

    /// How many handlers were not told because their queues were full.
    pub fn full_queues(&self) -> usize {
        match self.0 {
            Reason::Full { handlers } => handlers,
            _ => 0,
        }
    }
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Reason::Ended => f.write_str("the run has ended: emit custom events before its end"),
            Reason::Full { handlers } => write!(
                f,
                "{handlers} handler(s) did not get the event because their queues are full: \
                 raise their capacity, or emit less"
            ),
            Reason::OutsideRun => f.write_str(
                "there is no current run: emit custom events inside a wrapped call, or carry the \
                 run there with `in_current_run` or `Run::scope`",
            ),
        }
    }
}

impl Error for EmitError {}

/// Emits a custom event of the current run: [`Run::emit`](crate::Run::emit) of
/// [`Run::current`](crate::Run::current).
///
/// # Errors
///
/// If there is no current run, and as [`Run::emit`](crate::Run::emit).
pub fn emit(name: &str, value: impl Into<serde_json::Value>) -> Result<(), EmitError> {
    super::Run::current().ok_or_else(EmitError::outside_run)?.emit(name, value)
}
