use std::fmt;

/// An estimate of a number of tokens that nobody reported.
///
/// ```
/// use tower_llm_callbacks::estimate::{Estimate, Unseen};
///
/// let visible = Estimate::at_least(120, Unseen::HiddenReasoning);
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
    pub why: Option<Unseen>,
}

impl Estimate {
    /// Creates an estimate of the whole.
    pub fn new(tokens: u64) -> Self {
        Self { tokens, at_least: false, why: None }
    }

    /// Creates an estimate of what was seen, while something was not.
    pub fn at_least(tokens: u64, why: Unseen) -> Self {
        Self { tokens, at_least: true, why: Some(why) }
    }

    /// Returns the estimate with what was not seen, if anything.
    pub(super) fn unseen(tokens: u64, why: Option<Unseen>) -> Self {
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

/// What an estimate does not cover, so that it is only a lower bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unseen {
    /// The model reasons, and its reasoning is not delivered, or only a summary of it.
    HiddenReasoning,
    /// The call has images, audio, video or files.
    Media,
    /// The provider runs tools of its own, whose results are counted as input and whose calls as output.
    ServerTools,
    /// The provider keeps a part of the prompt: an earlier answer, a conversation, a cached content, a template.
    StoredContext,
    /// The provider adds a prompt of its own, of a length that nobody tells.
    HiddenPrompt,
    /// A part of the answer could not be decoded, or was not.
    NotDecoded,
    /// Models of this kind report several times what they deliver.
    Undelivered,
}

impl Unseen {
    /// Returns the reason as words: `hidden reasoning`, `media` …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HiddenReasoning => "hidden reasoning",
            Self::Media => "media",
            Self::ServerTools => "server tools",
            Self::StoredContext => "stored context",
            Self::HiddenPrompt => "hidden prompt",
            Self::NotDecoded => "not decoded",
            Self::Undelivered => "undelivered",
        }
    }
}

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
