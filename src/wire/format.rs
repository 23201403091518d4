use std::fmt;

use http::{Method, StatusCode};

use super::{Call, Decoder, LlmHttpRequest, LlmHttpResponse, error::of_response};
use crate::{
    event::{LlmStart, ProviderError},
    run::RunType,
};

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
    /// Returns whether a request is a call of this API, by method and path (without the query).
    ///
    /// The path is that which a [server reads](LlmHttpRequest::path), whatever the client's spelling: decoded, without dot
    /// segments, repeated slashes and a slash at its end.
    ///
    /// Not called for routes whose format is configured on the layer. The default matches nothing.
    fn matches(&self, method: &Method, path: &str) -> Match {
        let _ = (method, path);
        Match::No
    }

    /// Returns whether a request is a call of this API, by its body. Asked only if [`matches`](Self::matches) returned
    /// [`Match::ByBody`], when the body has arrived.
    ///
    /// The body may be incomplete. The default accepts any.
    fn reads(&self, call: &LlmHttpRequest<'_>) -> bool {
        let _ = call;
        true
    }

    /// Returns the type of the runs that this API's calls are: calls of a language model by default.
    ///
    /// Called for each request that matches, before its body has arrived.
    fn run_type(&self) -> RunType {
        RunType::Llm
    }

    /// Returns what a request turns out to be when its body has arrived: a call by default, of which nothing more is known.
    ///
    /// For APIs whose path does not say what is called: the body says whether the request is a
    /// [call at all](Call::unobserved), and what its run is called. Called once for each observed request, before
    /// [`start`](Self::start). The body may be [incomplete](LlmHttpRequest::complete).
    fn describe(&self, request: &LlmHttpRequest<'_>) -> Call {
        let _ = request;
        Call::new()
    }

    /// Returns what a call requests. Called once, if a handler observes the start.
    ///
    /// For a run that calls no model, such as one of [`RunType::Tool`], the prompt is the input, and the rest is not used.
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

/// Whether a request is a call of a [`Format`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Match {
    /// The request is not a call.
    No,
    /// The request is a call.
    Yes,
    /// Several APIs have this path, and the body decides which of them is called: see [`Format::reads`]. A request that
    /// none of them reads passes unobserved, and counts as that.
    ByBody,
}

impl Match {
    pub(in crate::wire) fn when(is_call: bool) -> Self {
        if is_call { Self::Yes } else { Self::No }
    }
}
