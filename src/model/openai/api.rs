use super::{chat, config::OpenAiConfig, options::OpenAiApi, responses};
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

impl Connect for OpenAiConfig {
    fn endpoint(&self) -> Result<Endpoint, ConfigError> {
        if self.connection.api_key.as_ref().is_some_and(|key| key.expose().is_empty()) {
            let problem = "must not be empty: for a server without keys, use without_key";
            return Err(ConfigError::missing("api_key", problem));
        }
        let own = [
            ("openai-organization", "organization", &self.organization),
            ("openai-project", "project", &self.project),
        ];
        let own = own.into_iter().filter_map(|(name, field, id)| match id.as_deref()? {
            "" => Some(Err(ConfigError::missing(field, "must not be empty"))),
            id => Some(headers::own(name, field, id)),
        });
        self.connection.endpoint(KeyHeader::Bearer, own)
    }
}

impl Api for OpenAiConfig {
    fn request(&self, request: &ChatRequest) -> Result<(String, Vec<u8>), ModelError> {
        let body = match self.api {
            OpenAiApi::ChatCompletions => chat::body(request, self),
            OpenAiApi::Responses => responses::body(request),
        };
        Ok((self.api.base_url().path.to_owned(), body?))
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
