use std::fmt;

use crate::event::UsageGap;

/// An estimate of a number of tokens that nobody reported.
///
/// ```
/// use tower_llm_callbacks::{estimate::Estimate, event::UsageGap};
///
/// let visible = Estimate::at_least(120, UsageGap::HiddenReasoning);
/// assert!(visible.is_at_least());
/// assert_eq!(visible.to_string(), "at least 120 tokens (hidden reasoning)");
/// assert_eq!(Estimate::new(120).to_string(), "about 120 tokens");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Estimate {
    /// The number of tokens.
    pub tokens: u64,
    /// What was not seen, so that there are probably more tokens. `None` if the estimate covers all.
    pub why: Option<UsageGap>,
}

impl Estimate {
    /// Creates an estimate of the whole.
    pub fn new(tokens: u64) -> Self {
        Self { tokens, why: None }
    }

    /// Creates an estimate of what was seen, while something was not.
    pub fn at_least(tokens: u64, why: UsageGap) -> Self {
        Self { tokens, why: Some(why) }
    }

    /// Whether there are probably more tokens: the estimate covers only what was seen.
    pub fn is_at_least(&self) -> bool {
        self.why.is_some()
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why {
            Some(why) => write!(f, "at least {} tokens ({why})", self.tokens),
            None => write!(f, "about {} tokens", self.tokens),
        }
    }
}
