use serde::{Deserialize, Serialize, Serializer};

use super::config::OllamaConfig;
use crate::{
    chat::{ModelError, identity::Identity},
    model::{
        embeddings::{EmbeddingApi, EmbeddingRequest, Vector},
        fields::{self, Fields},
    },
    wire::{Format, operations::OllamaEmbed},
};

struct Body<'a>(&'a EmbeddingRequest);

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let request = self.0;
        let mut fields = Fields::new(serializer, &request.params)?;
        fields.set("model", Some(&request.model))?;
        fields.set("input", Some(&request.inputs))?;
        fields.set("dimensions", request.dimensions)?;
        fields.end()
    }
}

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
        Ok(("/api/embed".to_owned(), fields::write(&Body(request))?))
    }

    fn embedding_format(&self) -> &'static dyn Format {
        &OllamaEmbed
    }

    fn vectors(&self, answer: &[u8]) -> serde_json::Result<Vec<Vec<f32>>> {
        let vectors = serde_json::from_slice::<Answer>(answer)?.embeddings;
        Ok(vectors.into_iter().map(|vector| vector.0).collect())
    }
}
