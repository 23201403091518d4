use std::{fmt, sync::Arc};

use opentelemetry::{
    InstrumentationScope, global,
    metrics::{Meter, MeterProvider},
};

use super::{
    OtelMetrics, SemanticConventions,
    instruments::Instruments,
    metrics::{AllLabels, Shared},
    scope::scope,
};
use crate::handlers::{labels::Labels, open::Open, outermost::Outermost};

const MAX_MODELS: usize = 200;
const MAX_RUNS: usize = 10_000;

/// Settings of an [`OtelMetrics`].
#[must_use]
pub struct OtelMetricsBuilder {
    meter: Option<Box<dyn FnOnce(InstrumentationScope) -> Meter>>,
    conventions: SemanticConventions,
    max_models: usize,
    chunks: bool,
}

impl OtelMetricsBuilder {
    pub(super) fn new() -> Self {
        let conventions = SemanticConventions::default();
        Self { meter: None, conventions, max_models: MAX_MODELS, chunks: true }
    }

    /// Sets who makes the instruments. Otherwise it is the global provider, as it is when this is built.
    pub fn meter_provider(mut self, provider: impl MeterProvider + 'static) -> Self {
        self.meter = Some(Box::new(move |scope| provider.meter_with_scope(scope)));
        self
    }

    /// Sets the names that are written.
    pub fn conventions(mut self, conventions: SemanticConventions) -> Self {
        self.conventions = conventions;
        self
    }

    /// Sets how many models are told apart; 200 is the default. All further ones, and names of more than 128
    /// bytes, are `_OTHER`: each name is a time series for ever, and clients can send any. The same bound holds
    /// for the models that answer, for providers, servers and types of errors.
    pub fn max_models(mut self, models: usize) -> Self {
        self.max_models = models;
        self
    }

    /// Sets whether the time of each chunk is measured (`…time_per_output_chunk`); it is, unless this is called.
    /// It is all that a token costs: without it the handler does not hear of tokens.
    pub fn chunk_times(mut self, measured: bool) -> Self {
        self.chunks = measured;
        self
    }

    /// The handler.
    #[must_use]
    pub fn build(self) -> OtelMetrics {
        let scope = scope(self.conventions);
        let meter = match self.meter {
            Some(meter) => meter(scope),
            None => global::meter_with_scope(scope),
        };
        let labels = || Labels::at_most(self.max_models);
        OtelMetrics(Arc::new(Shared {
            instruments: Instruments::new(&meter, self.conventions),
            labels: AllLabels {
                models: labels(),
                answering: labels(),
                providers: labels(),
                servers: labels(),
                errors: labels(),
            },
            chunks: self.chunks,
            open: Open::new(MAX_RUNS),
            outermost: Outermost::default(),
        }))
    }
}

impl fmt::Debug for OtelMetricsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtelMetricsBuilder")
            .field("conventions", &self.conventions)
            .field("max_models", &self.max_models)
            .field("chunks", &self.chunks)
            .finish_non_exhaustive()
    }
}
