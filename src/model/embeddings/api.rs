use super::EmbeddingRequest;
use crate::{
    chat::{ModelError, identity::Identity},
    model::endpoint::Connect,
    wire::Format,
};

/// The configuration of a model of embeddings, which selects the provider's API.
///
/// Sealed. Implemented by the configurations of [providers](super) that have such models.
pub trait EmbeddingConfig: EmbeddingApi {}

impl<C: EmbeddingApi> EmbeddingConfig for C {}

/// A provider's API of embeddings.
#[expect(unnameable_types, reason = "the traits of models are sealed")]
pub trait EmbeddingApi: Connect {
    /// Returns the names of the provider and the API in events.
    fn embedding_identity(&self) -> Identity;

    /// Returns the path of a request, which is appended to the base URL, and its body.
    fn embedding_request(
        &self,
        request: &EmbeddingRequest,
    ) -> Result<(String, Vec<u8>), ModelError>;

    /// Returns the format of answers.
    fn embedding_format(&self) -> &'static dyn Format;

    /// Reads the vectors of an answer, in the order of the texts.
    fn vectors(&self, answer: &[u8]) -> serde_json::Result<Vec<Vec<f32>>>;
}
