use super::{endpoint::Connect, response_reader::ResponseReader};
use crate::chat::{ChatRequest, ModelError, identity::Identity};

/// The configuration of a typed model, which selects the provider's API.
///
/// Sealed. Implemented by [`AnthropicConfig`](super::anthropic::AnthropicConfig),
/// [`OpenAiConfig`](super::openai::OpenAiConfig), [`GeminiConfig`](super::gemini::GeminiConfig),
/// [`OllamaConfig`](super::ollama::OllamaConfig) and [`BedrockConfig`](super::bedrock::BedrockConfig).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the configuration of a typed model",
    note = "use an `AnthropicConfig`, `OpenAiConfig`, `GeminiConfig`, `OllamaConfig` or `BedrockConfig`; a model of your own is a `Service<ChatRequest>` whose response is a stream of `Result<ChatChunk, _>`"
)]
pub trait ModelConfig: Api {}

impl<C: Api> ModelConfig for C {}

/// A provider's API of chats: how requests are written, and how responses are read.
#[expect(unnameable_types, reason = "the traits of models are sealed")]
pub trait Api: Connect {
    /// Returns the path of a request, which is appended to the base URL, and its body.
    fn request(&self, request: &ChatRequest) -> Result<(String, Vec<u8>), ModelError>;

    /// Returns the names of the provider and the API in events.
    fn identity(&self) -> Identity;

    /// Returns the reader for responses.
    fn response_reader(&self) -> ResponseReader;
}
