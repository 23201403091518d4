use std::time::Duration;

use super::{Prices, UsageTotals, group::Dimension, window::Windows};

/// A builder for [`UsageTotals`].
#[derive(Debug, Clone)]
#[must_use]
pub struct UsageTotalsBuilder {
    pub(super) by: Vec<Dimension>,
    pub(super) max_groups: usize,
    pub(super) windows: Option<Windows>,
    pub(super) keep: usize,
    pub(super) prices: Option<Prices>,
}

impl UsageTotalsBuilder {
    pub(super) fn new() -> Self {
        Self { by: Vec::new(), max_groups: 10_000, windows: None, keep: 24, prices: None }
    }

    fn by(mut self, dimension: Dimension) -> Self {
        self.by.push(dimension);
        self
    }

    /// Adds the model to the group key: the model that answered, as the provider names it, or the requested model
    /// if the provider did not report one.
    ///
    /// A group consists of the runs whose values of all dimensions are equal: by model and user, there is a group
    /// for each model of each user.
    pub fn by_model(self) -> Self {
        self.by(Dimension::model())
    }

    /// Adds the provider to the group key: `anthropic`, `openai` …
    pub fn by_provider(self) -> Self {
        self.by(Dimension::provider())
    }

    /// Adds the tags that begin with a prefix to the group key; all tags if the prefix is empty.
    ///
    /// A run with several such tags is in the group of each (at most 64 groups), so the groups can add up to more
    /// than the [total](super::UsageSnapshot::total), which counts each run once.
    pub fn by_tag(self, prefix: &str) -> Self {
        self.by(Dimension::tag(prefix))
    }

    /// Adds the metadata value under a key to the group key: a string, a number or a boolean.
    pub fn by_metadata(self, key: &str) -> Self {
        self.by(Dimension::metadata(key))
    }

    /// Also counts runs in consecutive time windows of this length, by the time of their end. The first window
    /// starts now. The last 24 are kept.
    ///
    /// # Panics
    ///
    /// If the length is zero.
    pub fn window(mut self, length: Duration) -> Self {
        self.windows = Some(Windows::new(length));
        self
    }

    /// Like [`window`](Self::window), but windows start at multiples of their length in UTC: hours on the hour, days
    /// at midnight.
    ///
    /// # Panics
    ///
    /// If the length is zero.
    pub fn aligned_window(mut self, length: Duration) -> Self {
        self.windows = Some(Windows::aligned(length));
        self
    }

    /// Sets the number of windows to keep, including the current one (default 24).
    ///
    /// # Panics
    ///
    /// If the number is 0.
    pub fn keep_windows(mut self, windows: usize) -> Self {
        assert!(windows > 0, "`windows` must be at least 1, got 0");
        self.keep = windows;
        self
    }

    /// Sets the maximum number of groups, in total and in each window (default 10,000). Runs of further groups are
    /// counted in [`other`](super::UsageSnapshot::other).
    pub fn max_groups(mut self, groups: usize) -> Self {
        self.max_groups = groups;
        self
    }

    /// Sets the prices, which adds the cost of runs: at the price of the model that answered or, if it has no price,
    /// of the requested model. Runs of models without a price are counted, and the models are listed.
    ///
    /// Without them, the [costs](crate::LlmResult::cost) that layers set are added up. Models without a price are then not
    /// known.
    pub fn prices(mut self, prices: impl Into<Prices>) -> Self {
        self.prices = Some(prices.into());
        self
    }

    /// Builds the handler.
    #[must_use]
    pub fn build(self) -> UsageTotals {
        UsageTotals::with_settings(self)
    }
}
