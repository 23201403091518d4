use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{UsageSource, UsageSources};

/// The token counts of an answer, normalised across providers. A count that nobody reported is `None`, never 0.
///
/// `input_tokens` include cached tokens and `output_tokens` include reasoning, however the provider counts. The cache
/// and reasoning counts are parts of them. The provider's own object is
/// [`LlmResult::usage_raw`](super::LlmResult::usage_raw).
///
/// ```
/// use tower_llm_callbacks::Usage;
///
/// let usage = Usage::new(100, 20).cached(80, None).reasoning(5);
/// assert_eq!(usage.total_tokens, Some(120));
/// assert_eq!((usage.cache_read_tokens, usage.cache_write_tokens), (Some(80), None));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Usage {
    /// Tokens of the request, including those read from and written to a cache.
    pub input_tokens: Option<u64>,
    /// Tokens of the answer, including reasoning.
    pub output_tokens: Option<u64>,
    /// Input and output tokens together: as reported, else their sum if both are known.
    pub total_tokens: Option<u64>,
    /// Input tokens read from a cache.
    pub cache_read_tokens: Option<u64>,
    /// Input tokens written to a cache.
    pub cache_write_tokens: Option<u64>,
    /// Output tokens that were reasoning.
    pub reasoning_tokens: Option<u64>,
    /// The tokens written to a cache by how long it keeps them, such as `5m` and `1h`. Empty if that was not reported.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub cache_writes: BTreeMap<Box<str>, u64>,
    /// The counts that have prices of their own, by the names that genai-prices has for them. Empty if none was reported.
    ///
    /// Tokens are parts of the input (`input_audio_tokens`, `input_image_tokens`, `cache_audio_read_tokens` …) or of the output
    /// (`output_audio_tokens`, `output_image_tokens` …), but for `output_citation_tokens`, which are beside it. What is charged
    /// by use is `web_searches`, `storage_searches` (searches in files) and others.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<Box<str>, u64>,
    /// The service tier that the provider used, in its own words. Prices depend on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<Arc<str>>,
    /// How the input and the output are known. Set in the result of a run.
    pub source: UsageSources,
}

impl Usage {
    /// Creates counts of input and output tokens that a provider reported. The total is their sum.
    pub fn new(
        input_tokens: impl Into<Option<u64>>,
        output_tokens: impl Into<Option<u64>>,
    ) -> Self {
        let (input_tokens, output_tokens) = (input_tokens.into(), output_tokens.into());
        let mut usage = Self { input_tokens, output_tokens, ..Self::default() };
        usage.total_tokens = usage.sum();
        usage.set_reported();
        usage
    }

    /// Sets the reported total.
    #[must_use]
    pub fn total(mut self, tokens: impl Into<Option<u64>>) -> Self {
        self.total_tokens = tokens.into().or(self.total_tokens);
        self
    }

    /// Sets how many of the input tokens were read from and written to a cache.
    #[must_use]
    pub fn cached(mut self, read: impl Into<Option<u64>>, write: impl Into<Option<u64>>) -> Self {
        (self.cache_read_tokens, self.cache_write_tokens) = (read.into(), write.into());
        self
    }

    /// Sets how many of the output tokens were reasoning.
    #[must_use]
    pub fn reasoning(mut self, tokens: impl Into<Option<u64>>) -> Self {
        self.reasoning_tokens = tokens.into();
        self
    }

    /// Whether any count is known.
    pub fn is_known(&self) -> bool {
        self.counts().iter().any(Option::is_some)
    }

    /// Whether any count is known that is not zero.
    pub(crate) fn counts_something(&self) -> bool {
        self.counts().iter().any(|count| count.is_some_and(|count| count > 0))
    }

    /// Returns the sum of the counts of two answers. A count that is known of one of them only is that one's.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let add = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
        let add_each = |a: &BTreeMap<Box<str>, u64>, b: &BTreeMap<Box<str>, u64>| {
            let mut sums = a.clone();
            for (name, count) in b {
                let sum = sums.entry(name.clone()).or_default();
                *sum = sum.saturating_add(*count);
            }
            sums
        };
        let same_tier = self.service_tier == other.service_tier;
        Self {
            input_tokens: add(self.input_tokens, other.input_tokens),
            output_tokens: add(self.output_tokens, other.output_tokens),
            total_tokens: add(self.total_tokens, other.total_tokens),
            cache_read_tokens: add(self.cache_read_tokens, other.cache_read_tokens),
            cache_write_tokens: add(self.cache_write_tokens, other.cache_write_tokens),
            reasoning_tokens: add(self.reasoning_tokens, other.reasoning_tokens),
            cache_writes: add_each(&self.cache_writes, &other.cache_writes),
            details: add_each(&self.details, &other.details),
            service_tier: self.service_tier.clone().filter(|_| same_tier),
            source: self.source.plus(other.source),
        }
    }

    /// Replaces the counts by those of a later report of the same answer. Reports are running totals: an input that has
    /// become zero says nothing, nor does a report that is all zero.
    pub(crate) fn update(&mut self, later: &Self) {
        let is_positive = |count: Option<u64>| count.unwrap_or(0) > 0;
        let says_input = is_positive(later.input_tokens) || !is_positive(self.input_tokens);
        let changed = is_positive(later.input_tokens) || is_positive(later.output_tokens);
        // Beside an input, no output is a count: that of a refusal.
        let says_output = changed || !is_positive(self.output_tokens);
        let put = |count: &mut Option<u64>, later: Option<u64>| *count = later.or(*count);
        self.total_tokens = later.total_tokens.or(self.total_tokens.filter(|_| !changed));
        if says_input {
            put(&mut self.input_tokens, later.input_tokens);
            put(&mut self.cache_read_tokens, later.cache_read_tokens);
            put(&mut self.cache_write_tokens, later.cache_write_tokens);
        }
        if says_output {
            put(&mut self.output_tokens, later.output_tokens);
            put(&mut self.reasoning_tokens, later.reasoning_tokens);
        }
        self.sum_up();
        self.set_reported();
        if !later.cache_writes.is_empty() {
            self.cache_writes.clone_from(&later.cache_writes);
        }
        self.details.extend(later.details.clone());
        if later.service_tier.is_some() {
            self.service_tier.clone_from(&later.service_tier);
        }
    }

    /// Marks the input and the output as reported, where they are known.
    pub(crate) fn set_reported(&mut self) {
        self.source = UsageSources::default();
        self.source.input = self.input_tokens.map(|_| UsageSource::Reported);
        self.source.output = self.output_tokens.map(|_| UsageSource::Reported);
    }

    /// Sets the total to the sum of input and output, where both are known, unless a larger one was reported: that may
    /// have parts of its own, and a smaller one is of a report that did not know all of them.
    pub(crate) fn sum_up(&mut self) {
        self.total_tokens = self.total_tokens.max(self.sum());
    }

    /// Sets the total to one that was reported, with estimates of the input and the output that are no larger.
    pub(crate) fn fit(&mut self, total: u64) {
        self.output_tokens = self.output_tokens.map(|tokens| tokens.min(total));
        let left = total - self.output_tokens.unwrap_or(0);
        self.input_tokens = self.input_tokens.map(|tokens| tokens.min(left));
        self.total_tokens = Some(total);
    }

    /// Whether input and output were reported, and a total that is larger.
    pub(crate) fn has_more_than_its_parts(&self) -> bool {
        let reported = Some(UsageSource::Reported);
        let parts = [self.source.input, self.source.output] == [reported; 2];
        parts && self.sum().is_some_and(|sum| self.total_tokens > Some(sum))
    }

    /// Returns the service tier, unless it is that of standard prices.
    #[cfg(feature = "usage")]
    pub(crate) fn special_tier(&self) -> Option<&str> {
        // OpenAI's and Bedrock's, Anthropic's and Gemini's, Groq's.
        const STANDARD: [&str; 6] = ["", "auto", "default", "standard", "on_demand", "unspecified"];
        let is_standard =
            |tier: &&str| STANDARD.iter().any(|standard| tier.eq_ignore_ascii_case(standard));
        self.service_tier.as_deref().filter(|tier| !is_standard(tier))
    }

    fn sum(&self) -> Option<u64> {
        Some(self.input_tokens?.saturating_add(self.output_tokens?))
    }

    fn counts(&self) -> [Option<u64>; 6] {
        [
            self.input_tokens,
            self.output_tokens,
            self.total_tokens,
            self.cache_read_tokens,
            self.cache_write_tokens,
            self.reasoning_tokens,
        ]
    }
}

/// The input and the output: `17 → 171 tokens`. An estimate has a `~`, a lower bound a `≥`, and a count that is not known is
/// `?`.
impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |count: Option<u64>, source| match (count, source) {
            (None, _) => "?".to_owned(),
            (Some(count), Some(UsageSource::Estimated)) => format!("~{count}"),
            (Some(count), Some(UsageSource::AtLeast)) => format!("≥{count}"),
            (Some(count), _) => count.to_string(),
        };
        let input = count(self.input_tokens, self.source.input);
        write!(f, "{input} → {} tokens", count(self.output_tokens, self.source.output))
    }
}
