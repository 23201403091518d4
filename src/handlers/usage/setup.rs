//! Setting totals up.

use std::time::Duration;

use super::{PriceTable, UsageTotals, group::Dimension, window::Windows};

/// What is counted, and how.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) by: Vec<Dimension>,
    pub(super) max_groups: usize,
    pub(super) windows: Option<Windows>,
    pub(super) keep: usize,
    pub(super) prices: Option<PriceTable>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { by: Vec::new(), max_groups: 10_000, windows: None, keep: 24, prices: None }
    }
}

impl UsageTotals {
    fn by(self, dimension: Dimension) -> Self {
        self.set(|settings| settings.by.push(dimension))
    }

    /// Also groups runs by model: the one that answered, in the provider's word, or the one that was asked
    /// for, where it did not say.
    ///
    /// Runs that have everything in common that they are grouped by are one group: by model and by user,
    /// there is a group for each model of each user.
    #[must_use]
    pub fn by_model(self) -> Self {
        self.by(Dimension::model())
    }

    /// Also groups runs by provider: `anthropic`, `openai` …
    #[must_use]
    pub fn by_provider(self) -> Self {
        self.by(Dimension::provider())
    }

    /// Also groups runs by those of their tags that begin with a prefix; by all, if it is empty.
    ///
    /// A run with several such tags is in the group of each (at most 64 groups), so that groups add up to
    /// more than the [total](super::UsageSnapshot::total), which has each run once.
    #[must_use]
    pub fn by_tag(self, prefix: &str) -> Self {
        self.by(Dimension::tag(prefix))
    }

    /// Also groups runs by what they have under a key of their metadata: a text, a number or a truth value.
    #[must_use]
    pub fn by_metadata(self, key: &str) -> Self {
        self.by(Dimension::metadata(key))
    }

    /// Also counts windows of time of this length, one after the other, by when runs end. The first starts
    /// now. The last 24 are kept.
    ///
    /// # Panics
    ///
    /// If the length is zero.
    #[must_use]
    pub fn window(self, length: Duration) -> Self {
        self.set(|settings| settings.windows = Some(Windows::new(length)))
    }

    /// Like [`window`](Self::window), but windows start at whole multiples of their length in UTC: an hour
    /// on the hour, a day at midnight.
    ///
    /// # Panics
    ///
    /// If the length is zero.
    #[must_use]
    pub fn aligned_window(self, length: Duration) -> Self {
        self.set(|settings| settings.windows = Some(Windows::aligned(length)))
    }

    /// Sets how many windows are kept, the current one included; 24 is the default.
    ///
    /// # Panics
    ///
    /// If the number is 0.
    #[must_use]
    pub fn keep_windows(self, windows: usize) -> Self {
        assert!(windows > 0, "at least 1 window must be kept");
        self.set(|settings| settings.keep = windows)
    }

    /// Sets how many groups there may be, of all time and of each window; 10,000 is the default. Runs of
    /// further groups are counted in [`other`](super::UsageSnapshot::other).
    #[must_use]
    pub fn max_groups(self, groups: usize) -> Self {
        self.set(|settings| settings.max_groups = groups)
    }

    /// Adds what runs cost, by the model that answered, or, if that has no price, by the one that was asked
    /// for. Runs of models without a price are counted, and the models named.
    #[must_use]
    pub fn prices(self, prices: PriceTable) -> Self {
        self.set(|settings| settings.prices = Some(prices))
    }
}
