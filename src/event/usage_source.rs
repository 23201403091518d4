use std::fmt;

use serde::{Deserialize, Serialize};

/// How a token count is known.
///
/// ```
/// use tower_llm_callbacks::event::UsageSource;
///
/// assert!(UsageSource::Reported.is_reported() && !UsageSource::Estimated.is_reported());
/// assert_eq!(serde_json::to_value(UsageSource::ReportedSoFar).unwrap(), "reported_so_far");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UsageSource {
    /// The provider reported the count.
    Reported,
    /// The provider reported a running count of an answer that did not arrive in full. The final count may be higher.
    ReportedSoFar,
    /// The count is [estimated](crate::estimate) from the text of the request or of the answer.
    Estimated,
    /// The count is estimated, without a part that cannot be estimated. The [reason](UsageSources) says which.
    AtLeast,
}

impl UsageSource {
    /// Returns the name in records: `reported`, `reported_so_far`, `estimated` or `at_least`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::ReportedSoFar => "reported_so_far",
            Self::Estimated => "estimated",
            Self::AtLeast => "at_least",
        }
    }

    /// Returns whether the provider reported the count, or a running count.
    pub fn is_reported(self) -> bool {
        matches!(self, Self::Reported | Self::ReportedSoFar)
    }
}

/// Why a count is a lower bound, or not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UsageGap {
    /// The text is not captured, or was not decoded in full.
    NotCaptured,
    /// The model reasons, and the provider does not send the reasoning, or only a summary.
    HiddenReasoning,
    /// The call has images, audio, video or files.
    Media,
    /// The provider runs tools of its own, whose results count as input and whose calls as output.
    ServerTools,
    /// The provider keeps a part of the prompt: an earlier answer, a conversation, a cached content, a template.
    StoredContext,
    /// The provider adds a prompt of its own, of unknown length.
    HiddenPrompt,
    /// Models of this kind report several times what they deliver.
    Undelivered,
}

impl UsageGap {
    /// Returns the reason as words: `hidden reasoning`, `media` …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotCaptured => "not captured",
            Self::HiddenReasoning => "hidden reasoning",
            Self::Media => "media",
            Self::ServerTools => "server tools",
            Self::StoredContext => "stored context",
            Self::HiddenPrompt => "hidden prompt",
            Self::Undelivered => "undelivered",
        }
    }
}

impl fmt::Display for UsageGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the counts of a [`Usage`](super::Usage) are known.
///
/// A reason stands beside a count that is a lower bound or not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct UsageSources {
    /// How `input_tokens` is known. `None` if it is not.
    pub input: Option<UsageSource>,
    /// How `output_tokens` is known. `None` if it is not.
    pub output: Option<UsageSource>,
    /// Why `input_tokens` is a lower bound or `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_gap: Option<UsageGap>,
    /// Why `output_tokens` is a lower bound or `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_gap: Option<UsageGap>,
}

impl UsageSources {
    /// Returns whether a part of the usage is an estimate.
    pub fn is_estimated(self) -> bool {
        [self.input, self.output].into_iter().flatten().any(|it| !it.is_reported())
    }

    /// Returns the sources of a sum: the weaker ones.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.max(other.input),
            output: self.output.max(other.output),
            input_gap: self.input_gap.or(other.input_gap),
            output_gap: self.output_gap.or(other.output_gap),
        }
    }
}
