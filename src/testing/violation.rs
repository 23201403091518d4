use std::fmt;

use uuid::Uuid;

use crate::event::EventKind;

/// A broken guarantee, found by a [`Checker`](super::Checker).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The broken guarantee: `one terminal event`, `order` or `context`.
    pub promise: &'static str,
    /// The id of the run. Nil if no run was seen.
    pub run_id: Uuid,
    /// The name of the run.
    pub name: String,
    /// The kinds of the run's events, as they came.
    pub events: Vec<EventKind>,
    /// A description of the violation.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { promise, run_id, name, events, message } = self;
        if run_id.is_nil() {
            return f.write_str(message);
        }
        write!(
            f,
            "promise `{promise}` is broken in run `{name}` ({run_id}): {message}; its events:"
        )?;
        let mut rest = &events[..];
        while let Some(first) = rest.first() {
            let same = rest.iter().take_while(|kind| *kind == first).count();
            write!(f, " {first}")?;
            if same > 1 {
                write!(f, " ×{same}")?;
            }
            rest = &rest[same..];
        }
        Ok(())
    }
}
