use std::fmt;

use crate::event::UsageGap;

/// An estimate of a number of tokens that nobody reported.
///
/// ```
/// use tower_llm_callbacks::{estimate::Estimate, event::UsageGap};
///
/// let visible = Estimate::at_least(120, UsageGap::HiddenReasoning);
/// assert!(visible.at_least);
/// assert_eq!(visible.to_string(), "at least 120 tokens (hidden reasoning)");
/// assert_eq!(Estimate::new(120).to_string(), "about 120 tokens");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Estimate {
    /// The number of tokens.
    pub tokens: u64,
    /// Whether there are probably more: the estimate covers only what was seen.
    pub at_least: bool,
    /// What was not seen. `None` unless [`at_least`](Self::at_least).
    pub why: Option<UsageGap>,
}

impl Estimate {
    /// Creates an estimate of the whole.
    pub fn new(tokens: u64) -> Self {
        Self { tokens, at_least: false, why: None }
    }

    /// Creates an estimate of what was seen, while something was not.
    pub fn at_least(tokens: u64, why: UsageGap) -> Self {
        Self { tokens, at_least: true, why: Some(why) }
    }

    /// Returns the estimate with what was not seen, if anything.
    pub(super) fn unseen(tokens: u64, why: Option<UsageGap>) -> Self {
        why.map_or(Self::new(tokens), |why| Self::at_least(tokens, why))
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why {
            _ if !self.at_least => write!(f, "about {} tokens", self.tokens),
            Some(why) => write!(f, "at least {} tokens ({why})", self.tokens),
            None => write!(f, "at least {} tokens", self.tokens),
        }
    }
}
