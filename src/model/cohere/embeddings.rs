use serde::Deserialize;

use super::config::CohereConfig;
use crate::{
    chat::{ModelError, identity::Identity},
    model::{
        embeddings::{EmbeddingApi, EmbeddingRequest, Vector},
        fields,
    },
    wire::{Format, operations::CohereEmbed},
};

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
        let body = fields::body(&request.params, |fields| {
            fields.set("model", Some(&request.model))?;
            fields.set("texts", Some(&request.inputs))?;
            fields.set("input_type", request.task.as_deref())?;
            fields.set("output_dimension", request.dimensions)?;
            fields.set("embedding_types", Some(["float"]))?;
            Ok(())
        })?;
        Ok(("/v2/embed".to_owned(), body))
    }

    fn embedding_format(&self) -> &'static dyn Format {
        &CohereEmbed
    }

    fn vectors(&self, answer: &[u8]) -> serde_json::Result<Vec<Vec<f32>>> {
        let vectors = serde_json::from_slice::<Answer>(answer)?.embeddings.float;
        Ok(vectors.into_iter().map(|vector| vector.0).collect())
    }
}
