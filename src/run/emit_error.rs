use std::{error::Error, fmt};

/// The error of a custom event that did not reach every handler.
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

    /// Returns true if the run has ended, so that no handler received the event.
    pub fn is_ended(&self) -> bool {
        self.0 == Reason::Ended
    }

    /// Returns true if there is no current run to emit through.
    pub fn is_outside_run(&self) -> bool {
        self.0 == Reason::OutsideRun
    }

    /// Returns how many handlers did not receive the event because their queues are full.
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
                "{handlers} handler(s) did not receive the event because their queues are full: \
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
