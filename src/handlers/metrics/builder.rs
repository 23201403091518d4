use std::sync::Arc;

use super::{
    describe::describe,
    handler::{Inner, LlmMetrics},
};
use crate::{
    handler::Open,
    handlers::{labels::Labels, outermost::Outermost},
};

/// A detached handler is not notified of the end of a run: beyond the bound, the oldest run is evicted.
const MAX_RUNS: usize = 100_000;

/// Configures an [`LlmMetrics`] handler. Created by [`LlmMetrics::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct LlmMetricsBuilder {
    max_label_values: usize,
    tokens: bool,
    metadata: Vec<Arc<str>>,
}

impl LlmMetricsBuilder {
    pub(super) fn new() -> Self {
        Self { max_label_values: 200, tokens: true, metadata: Vec::new() }
    }

    /// Sets the maximum number of values of each label that clients or models choose; the default is 200.
    pub fn max_label_values(mut self, values: usize) -> Self {
        self.max_label_values = values;
        self
    }

    /// Adds a label with the value of a key of the metadata, such as `tenant`. Empty where a run has none.
    pub fn metadata(mut self, key: impl Into<Arc<str>>) -> Self {
        self.metadata.push(key.into());
        self
    }

    /// Leaves out the metrics that need every token event: `llm_token_events_total` and
    /// `llm_inter_token_seconds`.
    pub fn without_tokens(mut self) -> Self {
        self.tokens = false;
        self
    }

    /// Builds the handler, and describes its metrics to the process's recorder.
    #[must_use]
    pub fn build(self) -> LlmMetrics {
        describe();
        let labels = || Labels::at_most(self.max_label_values);
        LlmMetrics(Arc::new(Inner {
            open: Open::new(MAX_RUNS),
            outermost: Outermost::default(),
            tokens: self.tokens,
            providers: labels(),
            apis: labels(),
            models: labels(),
            names: labels(),
            metadata: self.metadata.iter().map(|key| (Arc::clone(key), labels())).collect(),
        }))
    }
}
