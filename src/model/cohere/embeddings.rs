use serde::{Deserialize, Serialize, Serializer};

use super::config::CohereConfig;
use crate::{
    chat::{ModelError, identity::Identity},
    model::{
        embeddings::{EmbeddingApi, EmbeddingRequest, Vector},
        fields::{self, Fields},
    },
    wire::{Format, operations::CohereEmbed},
};

struct Body<'a>(&'a EmbeddingRequest);

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let request = self.0;
        let mut fields = Fields::new(serializer, &request.params)?;
        fields.set("model", Some(&request.model))?;
        fields.set("texts", Some(&request.inputs))?;
        fields.set("input_type", request.task.as_deref())?;
        fields.set("output_dimension", request.dimensions)?;
        fields.set("embedding_types", Some(["float"]))?;
        fields.end()
    }
}

#[derive(Deserialize)]
struct Answer {
    embeddings: ByType,
}

#[derive(Deserialize)]
struct ByType {
    float: Vec<Vector>,
}

impl EmbeddingApi for CohereConfig {
    fn embedding_identity(&self) -> Identity {
        Identity { provider: "cohere", api: "embed" }
    }

    fn embedding_request(
        &self,
        request: &EmbeddingRequest,
    ) -> Result<(String, Vec<u8>), ModelError> {
        request.check("texts")?;
        if request.task.is_none() && !request.params.contains_key("input_type") {
            let message =
                "Cohere needs a task: set one such as search_document with EmbeddingRequest::task";
            return Err(ModelError::invalid(message));
        }
        Ok(("/v2/embed".to_owned(), fields::write(&Body(request))?))
    }

    fn embedding_format(&self) -> &'static dyn Format {
        &CohereEmbed
    }

    fn vectors(&self, answer: &[u8]) -> serde_json::Result<Vec<Vec<f32>>> {
        let vectors = serde_json::from_slice::<Answer>(answer)?.embeddings.float;
        Ok(vectors.into_iter().map(|vector| vector.0).collect())
    }
}
