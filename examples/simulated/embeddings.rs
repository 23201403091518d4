//! OpenAI's embeddings.

use axum::Json;
use serde_json::{Value, json};

/// Returns a vector of four dimensions for each text.
pub(crate) async fn embeddings(Json(request): Json<Value>) -> Json<Value> {
    let texts = match &request["input"] {
        Value::Array(texts) => texts.clone(),
        text => vec![text.clone()],
    };
    let words = |text: &Value| text.as_str().map_or(0, |text| text.split_whitespace().count());
    let tokens: usize = texts.iter().map(words).sum();
    let vector = |(index, text): (usize, &Value)| {
        let length = text.as_str().map_or(0, str::len) as f64;
        json!({"object": "embedding", "index": index, "embedding": [length, 1.0, 0.0, 0.5]})
    };
    let data: Vec<Value> = texts.iter().enumerate().map(vector).collect();
    Json(json!({
        "object": "list", "model": request["model"], "data": data,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }))
}
