use super::{
    config::{AnthropicConfig, Auth, BASE_URL},
    request,
};
use crate::{
    chat::{ChatRequest, ModelError, identity::Identity},
    model::{
        ConfigError, ModelLayer, ModelService,
        api::Api,
        connection::KeyHeader,
        endpoint::{Connect, Endpoint},
        headers,
        response_reader::ResponseReader,
    },
    wire::anthropic::AnthropicMessages,
};

/// A layer that turns an HTTP client service into an [`AnthropicModel`].
pub type AnthropicLayer = ModelLayer<AnthropicConfig>;

/// A service from [`ChatRequest`] to [`ChatStream`](crate::chat::ChatStream) over an HTTP client service, for
/// Anthropic's Messages API.
///
/// # Errors
///
/// - [`ModelError::InvalidRequest`]: no model, no message, `max_tokens` of 0 or neither in the request nor in the
///   configuration, a sampling field that is not a number, or a configuration that is not
///   [valid](AnthropicConfig::validate). The HTTP service is not called.
/// - [`ModelError::Provider`]: a status other than 2xx, with status, code and request id; from the stream, an error
///   that the answer reports.
/// - [`ModelError::Transport`]: the HTTP service failed; from the stream, its response body failed.
/// - [`ModelError::Truncated`], from the stream: the body ended before the end mark.
pub type AnthropicModel<S> = ModelService<S, AnthropicConfig>;

impl Connect for AnthropicConfig {
    fn endpoint(&self) -> Result<Endpoint, ConfigError> {
        if self.version.is_empty() {
            let problem = "must not be empty: use a version such as 2023-06-01";
            return Err(ConfigError::missing("version", problem));
        }
        let key = match self.auth {
            Auth::ApiKey => KeyHeader::Named("x-api-key"),
            Auth::Bearer => KeyHeader::Bearer,
        };
        let betas = self.betas.join(",");
        let own =
            [("anthropic-version", "version", &self.version), ("anthropic-beta", "beta", &betas)];
        let own = own.into_iter().filter(|(.., text)| !text.is_empty());
        self.connection
            .endpoint(key, own.map(|(name, field, text)| headers::own(name, field, text)))
    }
}

impl Api for AnthropicConfig {
    fn request(&self, request: &ChatRequest) -> Result<(String, Vec<u8>), ModelError> {
        Ok((BASE_URL.path.to_owned(), request::body(request, self.default_max_tokens)?))
    }

    fn identity(&self) -> Identity {
        Identity { provider: "anthropic", api: "messages" }
    }

    fn response_reader(&self) -> ResponseReader {
        ResponseReader { format: &AnthropicMessages, request_id: "request-id" }
    }
}
