use std::sync::Arc;

use tower::Layer;

use super::{EmbeddingConfig, EmbeddingModel};
use crate::model::settings::Settings;

/// A layer that turns an HTTP client service into an [`EmbeddingModel`].
#[derive(Debug, Clone)]
pub struct EmbeddingLayer<C> {
    settings: Arc<Settings<C>>,
}

impl<C: EmbeddingConfig> EmbeddingLayer<C> {
    /// Creates a layer. An invalid configuration makes every call of its models fail.
    pub fn new(config: C) -> Self {
        let identity = config.embedding_identity();
        Self { settings: Arc::new(Settings::new(config, identity)) }
    }
}

impl<S, C: EmbeddingConfig> Layer<S> for EmbeddingLayer<C> {
    type Service = EmbeddingModel<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        EmbeddingModel::with_settings(inner, Arc::clone(&self.settings))
    }
}
