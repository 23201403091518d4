use std::sync::Arc;

use tower::Layer;

use super::{AnthropicConfig, AnthropicModel, endpoint::endpoint};
use crate::model::{ConfigError, endpoint::Endpoint};

/// Turns an HTTP client service into an [`AnthropicModel`].
#[derive(Debug, Clone)]
pub struct AnthropicLayer {
    settings: Arc<Settings>,
}

/// What the layer and its models share.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) config: AnthropicConfig,
    pub(super) endpoint: Result<Endpoint, ConfigError>,
}

impl AnthropicLayer {
    /// A layer with a configuration. One that is not [valid](AnthropicConfig::validate) shows in the
    /// model's first call.
    pub fn new(config: AnthropicConfig) -> Self {
        let endpoint = endpoint(&config);
        Self { settings: Arc::new(Settings { config, endpoint }) }
    }
}

impl<S> Layer<S> for AnthropicLayer {
    type Service = AnthropicModel<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AnthropicModel::new(inner, Arc::clone(&self.settings))
    }
}
