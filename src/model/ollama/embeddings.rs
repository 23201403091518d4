use serde::Deserialize;

use super::config::OllamaConfig;
use crate::{
    chat::{ModelError, identity::Identity},
    model::{
        embeddings::{EmbeddingApi, EmbeddingRequest, Vector},
        fields,
    },
    wire::{Format, operations::OllamaEmbed},
};

#[derive(Deserialize)]
struct Answer {
    embeddings: Vec<Vector>,
}

impl EmbeddingApi for OllamaConfig {
    fn embedding_identity(&self) -> Identity {
        Identity { provider: "ollama", api: "embed" }
    }

    fn embedding_request(
        &self,
        request: &EmbeddingRequest,
    ) -> Result<(String, Vec<u8>), ModelError> {
        request.check("input")?;
        request.no_task("Ollama")?;
        let body = fields::body(&request.params, |fields| {
            fields.set("model", Some(&request.model))?;
            fields.set("input", Some(&request.inputs))?;
            fields.set("dimensions", request.dimensions)?;
            Ok(())
        })?;
        Ok(("/api/embed".to_owned(), body))
    }

    fn embedding_format(&self) -> &'static dyn Format {
        &OllamaEmbed
    }

    fn vectors(&self, answer: &[u8]) -> serde_json::Result<Vec<Vec<f32>>> {
        let vectors = serde_json::from_slice::<Answer>(answer)?.embeddings;
        Ok(vectors.into_iter().map(|vector| vector.0).collect())
    }
}
