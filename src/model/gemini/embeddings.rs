use serde::Deserialize;
use serde_json::{Value, json};

use super::config::{GeminiConfig, path};
use crate::{
    chat::{ModelError, identity::Identity},
    model::{
        embeddings::{EmbeddingApi, EmbeddingRequest, Vector},
        fields,
    },
    wire::{Format, operations::GoogleEmbeddings},
};

#[derive(Deserialize)]
struct Answer {
    embeddings: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    values: Vector,
}

impl EmbeddingApi for GeminiConfig {
    fn embedding_identity(&self) -> Identity {
        Identity { provider: "gcp.gemini", api: "embed_content" }
    }

    fn embedding_request(
        &self,
        request: &EmbeddingRequest,
    ) -> Result<(String, Vec<u8>), ModelError> {
        request.check("requests")?;
        let body = fields::body(&request.params, |fields| {
            let model = request.model.strip_prefix("models/").unwrap_or(&request.model);
            let model = format!("models/{model}");
            let requests = request.inputs.iter().map(|text| {
                let mut one = json!({"model": model, "content": {"parts": [{"text": text}]}});
                if let Some(dimensions) = request.dimensions {
                    one["outputDimensionality"] = dimensions.into();
                }
                if let Some(task) = &request.task {
                    one["taskType"] = (**task).into();
                }
                one
            });
            let requests: Vec<Value> = requests.collect();
            fields.set("requests", Some(&requests))?;
            Ok(())
        })?;
        Ok((path(&request.model, "batchEmbedContents")?, body))
    }

    fn embedding_format(&self) -> &'static dyn Format {
        &GoogleEmbeddings
    }

    fn vectors(&self, answer: &[u8]) -> serde_json::Result<Vec<Vec<f32>>> {
        let items = serde_json::from_slice::<Answer>(answer)?.embeddings;
        Ok(items.into_iter().map(|item| item.values.0).collect())
    }
}
