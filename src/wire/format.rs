use std::fmt;

use http::{Method, StatusCode};

use super::{Call, Decoder, LlmHttpRequest, LlmHttpResponse, error::of_response};
use crate::event::{LlmStart, ProviderError};

/// A provider's HTTP API: matches its requests and reads requests and responses.
///
/// The [`HttpCallbackLayer`](crate::HttpCallbackLayer) knows the formats in this module. Implement
/// this trait for another API and add it with [`format`](crate::HttpCallbackLayer::format) or
/// [`route`](crate::HttpCallbackLayer::route).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the wire format of an API",
    note = "use one of the formats in `wire`, such as `wire::openai_chat::OpenAiChat`, or implement `wire::Format` for it"
)]
pub trait Format: fmt::Debug + Send + Sync + 'static {
    /// Returns whether a request may be a call of this API, by method and path (without the query).
    ///
    /// The path is that which a [server reads](LlmHttpRequest::path), whatever the client's spelling: decoded, without dot
    /// segments, repeated slashes and a slash at its end. Other APIs may have it, too: see [`describe`](Self::describe).
    ///
    /// Not called for routes whose format is configured on the layer. The default matches nothing.
    fn matches(&self, method: &Method, path: &str) -> bool {
        let _ = (method, path);
        false
    }

    /// Returns what a request is, when its body has arrived: by default a call of a language model, of which nothing more is
    /// known.
    ///
    /// Returns [`Call::unobserved`] for a request that is no call of this API: then the next format is asked that
    /// [matches](Self::matches) it. Called before [`start`](Self::start). The body may be
    /// [incomplete](LlmHttpRequest::complete).
    fn describe(&self, request: &LlmHttpRequest<'_>) -> Call {
        let _ = request;
        Call::new()
    }

    /// Returns what a call requests. Called once, if a handler observes the start.
    ///
    /// For a run that calls no model, such as one of [`RunType::Tool`](crate::RunType::Tool), the prompt is the input, and the rest is not used.
    ///
    /// Use [`Prompt::lazy`](crate::Prompt::lazy) for the prompt, so that it costs nothing unless a handler
    /// reads it.
    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart;

    /// Returns a decoder for the body of a successful response.
    ///
    /// For a run that calls no model, the text of the answer is the output: as JSON if it is JSON, and else as a string.
    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder>;

    /// Reads the body of an error response, which may be incomplete.
    ///
    /// The default reads the error shapes of Anthropic, OpenAI, Google and Ollama and of most gateways. What the headers
    /// say of the next call is added to the error that is returned.
    fn error(&self, status: StatusCode, body: &[u8]) -> ProviderError {
        of_response(status, body)
    }

    /// Reads an error response, of which the provider says a part in the head, such as the kind of the error.
    ///
    /// The default reads the [body](Self::error) alone.
    fn error_response(&self, response: &LlmHttpResponse<'_>, body: &[u8]) -> ProviderError {
        self.error(response.status, body)
    }

    /// Returns the JSON body of an error response in the provider's shape. The client of an aborted call
    /// receives it.
    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8>;
}
