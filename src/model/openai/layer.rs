use std::sync::Arc;

use tower::Layer;

use super::{OpenAiConfig, OpenAiModel, endpoint::endpoint};
use crate::model::{ConfigError, endpoint::Endpoint};

/// Turns an HTTP client service into an [`OpenAiModel`].
#[derive(Debug, Clone)]
pub struct OpenAiLayer {
    settings: Arc<Settings>,
}

/// What the layer and its models share.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) config: OpenAiConfig,
    pub(super) endpoint: Result<Endpoint, ConfigError>,
}

impl OpenAiLayer {
    /// A layer with a configuration. One that is not [valid](OpenAiConfig::validate) shows in the
    /// model's first call.
    pub fn new(config: OpenAiConfig) -> Self {
        let endpoint = endpoint(&config);
        Self { settings: Arc::new(Settings { config, endpoint }) }
    }
}

impl<S> Layer<S> for OpenAiLayer {
    type Service = OpenAiModel<S>;

    fn layer(&self, inner: S) -> Self::Service {
        OpenAiModel::new(inner, Arc::clone(&self.settings))
    }
}
