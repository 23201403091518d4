use http::{HeaderMap, header};

use super::{
    config::{AnthropicConfig, Auth, BASE_URL},
    request,
};
use crate::{
    chat::{ChatRequest, ModelError, identity::Identity},
    model::{
        ConfigError, ModelLayer, ModelService,
        api::{Api, Endpoint},
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

impl Api for AnthropicConfig {
    fn endpoint(&self) -> Result<Endpoint, ConfigError> {
        Ok(Endpoint { uri: BASE_URL.uri(&self.base_url)?, headers: headers(self)? })
    }

    fn body(&self, request: &ChatRequest) -> Result<Vec<u8>, ModelError> {
        request::body(request, self.default_max_tokens)
    }

    fn identity(&self) -> Identity {
        Identity { provider: "anthropic", api: "messages" }
    }

    fn response_reader(&self) -> ResponseReader {
        ResponseReader { format: &AnthropicMessages, request_id: "request-id" }
    }
}

fn headers(config: &AnthropicConfig) -> Result<HeaderMap, ConfigError> {
    let mut headers = headers::json();

    if config.version.is_empty() {
        return Err(ConfigError::missing(
            "version",
            "must not be empty: use a version such as 2023-06-01",
        ));
    }
    headers.insert("anthropic-version", headers::value("version", &config.version)?);

    let key = config.api_key.expose();
    if key.is_empty() {
        return Err(ConfigError::missing("api_key", "must not be empty"));
    }
    match config.auth {
        Auth::ApiKey => headers.insert("x-api-key", headers::secret("api_key", key)?),
        Auth::Bearer => headers.insert(header::AUTHORIZATION, headers::bearer(key)?),
    };
    if !config.betas.is_empty() {
        headers.insert("anthropic-beta", headers::value("beta", &config.betas.join(","))?);
    }
    headers::add(&mut headers, &config.headers)?;
    Ok(headers)
}
