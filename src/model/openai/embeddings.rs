use serde::Deserialize;

use super::config::OpenAiConfig;
use crate::{
    chat::{ModelError, identity::Identity},
    model::{
        embeddings::{EmbeddingApi, EmbeddingRequest, Vector},
        fields,
    },
    wire::{Format, operations::Embeddings},
};

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    index: usize,
    embedding: Vector,
}

impl EmbeddingApi for OpenAiConfig {
    fn embedding_identity(&self) -> Identity {
        Identity { provider: "openai", api: "embeddings" }
    }

    fn embedding_request(
        &self,
        request: &EmbeddingRequest,
    ) -> Result<(String, Vec<u8>), ModelError> {
        request.check("input")?;
        request.no_task("OpenAI")?;
        let body = fields::body(&request.params, |fields| {
            fields.set("model", Some(&request.model))?;
            fields.set("input", Some(&request.inputs))?;
            fields.set("dimensions", request.dimensions)?;
            Ok(())
        })?;
        Ok(("/embeddings".to_owned(), body))
    }

    fn embedding_format(&self) -> &'static dyn Format {
        &Embeddings
    }

    fn vectors(&self, answer: &[u8]) -> serde_json::Result<Vec<Vec<f32>>> {
        let mut items = serde_json::from_slice::<Answer>(answer)?.data;
        items.sort_by_key(|item| item.index);
        Ok(items.into_iter().map(|item| item.embedding.0).collect())
    }
}
