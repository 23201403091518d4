use std::{fmt, sync::Arc};

use opentelemetry::{
    InstrumentationScope, global,
    metrics::{Meter, MeterProvider},
};

use super::{
    OtelMetrics, SemanticConventions,
    instruments::Instruments,
    metrics::{AttributeLabels, MetricsInner},
};
use crate::{
    handler::Open,
    handlers::{labels::Labels, outermost::Outermost},
};

const MAX_MODELS: usize = 200;
const MAX_RUNS: usize = 10_000;

/// A builder for [`OtelMetrics`].
#[must_use]
pub struct OtelMetricsBuilder {
    meter: Option<Box<dyn FnOnce(InstrumentationScope) -> Meter>>,
    conventions: SemanticConventions,
    max_models: usize,
    chunk_times: bool,
    metadata: Vec<Arc<str>>,
}

impl OtelMetricsBuilder {
    pub(super) fn new() -> Self {
        let conventions = SemanticConventions::default();
        Self {
            meter: None,
            conventions,
            max_models: MAX_MODELS,
            chunk_times: true,
            metadata: Vec::new(),
        }
    }

    /// Sets the provider of the instruments. The default is the global one at the time of [`build`](Self::build).
    pub fn meter_provider(mut self, provider: impl MeterProvider + 'static) -> Self {
        self.meter = Some(Box::new(move |scope| provider.meter_with_scope(scope)));
        self
    }

    /// Sets which version of the conventions names metrics and attributes.
    pub fn conventions(mut self, conventions: SemanticConventions) -> Self {
        self.conventions = conventions;
        self
    }

    /// Sets the number of distinct models (default 200). Further models, and names longer than 128 bytes, are
    /// recorded as `_OTHER`: each name is a time series forever, and clients can send any name. The same bound
    /// applies to models that answer, providers, servers, tools, agents and error types.
    pub fn max_models(mut self, models: usize) -> Self {
        self.max_models = models;
        self
    }

    /// Sets whether the time between chunks (`…time_per_output_chunk`) is recorded (default `true`). Recording it is
    /// the handler's only cost per token: otherwise it does not receive token events.
    pub fn chunk_times(mut self, recorded: bool) -> Self {
        self.chunk_times = recorded;
        self
    }

    /// Adds an attribute `run.metadata.` and the key with the value of a key of the metadata, such as `tenant`. As many
    /// values are recorded as of [models](Self::max_models).
    pub fn metadata(mut self, key: impl Into<Arc<str>>) -> Self {
        self.metadata.push(key.into());
        self
    }

    /// Builds the handler.
    #[must_use]
    pub fn build(self) -> OtelMetrics {
        let scope = self.conventions.scope();
        let meter = match self.meter {
            Some(meter) => meter(scope),
            None => global::meter_with_scope(scope),
        };
        let labels = || Labels::at_most(self.max_models);
        OtelMetrics(Arc::new(MetricsInner {
            instruments: Instruments::new(&meter, self.conventions),
            labels: AttributeLabels {
                models: labels(),
                response_models: labels(),
                providers: labels(),
                servers: labels(),
                errors: labels(),
                tiers: labels(),
                fingerprints: labels(),
                tools: labels(),
                agents: labels(),
                metadata: self.metadata.iter().map(|key| (Arc::clone(key), labels())).collect(),
            },
            chunk_times: self.chunk_times,
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
            .field("chunk_times", &self.chunk_times)
            .finish_non_exhaustive()
    }
}
