use std::sync::Arc;

use tower::Layer;

use super::{api::ModelConfig, service::ModelService, settings::Settings};

/// A layer that turns an HTTP client service into a [`ModelService`]: an
/// [`AnthropicLayer`](super::anthropic::AnthropicLayer) or an [`OpenAiLayer`](super::openai::OpenAiLayer).
#[derive(Debug, Clone)]
pub struct ModelLayer<C> {
    settings: Arc<Settings<C>>,
}

impl<C: ModelConfig> ModelLayer<C> {
    /// Creates a layer. An invalid configuration makes every call of its models fail.
    pub fn new(config: C) -> Self {
        let identity = config.identity();
        Self { settings: Arc::new(Settings::new(config, identity)) }
    }
}

impl<S, C: ModelConfig> Layer<S> for ModelLayer<C> {
    type Service = ModelService<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        ModelService::with_settings(inner, Arc::clone(&self.settings))
    }
}
