use std::sync::Arc;

use tower_llm_callbacks::handlers::HandlerMetrics;

use crate::{
    budgets::Budgets,
    sinks::{RunningSink, SinkStatus},
};

/// The settings that apply, as probes report them. They get it without a lock that a reload holds, which may wait for a
/// file for as long as it likes.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) sinks: Vec<Arc<RunningSink>>,
    pub(crate) budgets: Arc<Budgets>,
    pub(crate) metrics: Option<HandlerMetrics>,
    /// Why the file could not be read again.
    pub(crate) problem: Option<String>,
}

impl State {
    pub(crate) fn with_problem(&self, problem: String) -> Self {
        Self {
            sinks: self.sinks.clone(),
            budgets: Arc::clone(&self.budgets),
            metrics: self.metrics.clone(),
            problem: Some(problem),
        }
    }

    pub(crate) fn sinks(&self) -> Vec<SinkStatus> {
        self.sinks.iter().map(|sink| sink.status()).collect()
    }
}
