use http::{HeaderMap, HeaderName, header};

use super::{chat, config::OpenAiConfig, options::OpenAiApi, responses};
use crate::{
    chat::{ChatRequest, ModelError, identity::Identity},
    model::{
        ConfigError, ModelLayer, ModelService,
        api::{Api, Endpoint},
        headers,
        response_reader::ResponseReader,
    },
    wire::{Format, openai_chat::OpenAiChat, openai_responses::OpenAiResponses},
};

/// A layer that turns an HTTP client service into an [`OpenAiModel`].
pub type OpenAiLayer = ModelLayer<OpenAiConfig>;

/// A service from [`ChatRequest`] to [`ChatStream`](crate::chat::ChatStream) over an HTTP client service, for
/// OpenAI's Chat Completions or Responses API.
///
/// # Errors
///
/// - [`ModelError::InvalidRequest`]: no model, no message, `max_tokens` of 0, a sampling field that is not a
///   number, a tool call outside of the assistant's messages, `stop` or `top_k` for the Responses API, or a
///   configuration that is not [valid](OpenAiConfig::validate). The HTTP service is not called.
/// - [`ModelError::Provider`]: a status other than 2xx, with status, code and request id; from the stream, an error
///   that the answer reports or that replaces it.
/// - [`ModelError::Transport`]: the HTTP service failed; from the stream, its response body failed.
/// - [`ModelError::Truncated`], from the stream: the body ended before the answer was complete.
pub type OpenAiModel<S> = ModelService<S, OpenAiConfig>;

impl Api for OpenAiConfig {
    fn endpoint(&self) -> Result<Endpoint, ConfigError> {
        Ok(Endpoint { uri: self.api.base_url().uri(&self.base_url)?, headers: headers(self)? })
    }

    fn body(&self, request: &ChatRequest) -> Result<Vec<u8>, ModelError> {
        match self.api {
            OpenAiApi::ChatCompletions => chat::body(request, self),
            OpenAiApi::Responses => responses::body(request),
        }
    }

    fn identity(&self) -> Identity {
        let api = match self.api {
            OpenAiApi::ChatCompletions => "chat_completions",
            OpenAiApi::Responses => "responses",
        };
        Identity { provider: "openai", api }
    }

    fn response_reader(&self) -> ResponseReader {
        let format: &'static dyn Format = match self.api {
            OpenAiApi::ChatCompletions => &OpenAiChat,
            OpenAiApi::Responses => &OpenAiResponses,
        };
        ResponseReader { format, request_id: "x-request-id" }
    }
}

fn headers(config: &OpenAiConfig) -> Result<HeaderMap, ConfigError> {
    let mut headers = headers::json();
    if let Some(key) = &config.api_key {
        if key.expose().is_empty() {
            let problem = "must not be empty: for a server without keys, use without_key";
            return Err(ConfigError::missing("api_key", problem));
        }
        headers.insert(header::AUTHORIZATION, headers::bearer(key.expose())?);
    }
    let ids = [
        ("openai-organization", "organization", &config.organization),
        ("openai-project", "project", &config.project),
    ];
    for (name, field, id) in ids {
        let Some(id) = id else { continue };
        if id.is_empty() {
            return Err(ConfigError::missing(field, "must not be empty"));
        }
        headers.insert(HeaderName::from_static(name), headers::value(field, id)?);
    }
    headers::add(&mut headers, &config.headers)?;
    Ok(headers)
}
