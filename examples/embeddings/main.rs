//! Callbacks on a typed client of an embedding model: two closures describe its requests and responses.
//!
//! `cargo run --features reqwest --example embeddings` uses a simulated provider in this process, or
//! OpenAI if `OPENAI_API_KEY` is set. `OPENAI_MODEL` selects the model.

use std::env;

use reqwest::Client;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    CallbackHandler, Callbacks, Delta, LlmResult, LlmStart, Prompt, Run, RunError, Usage,
    layer::ModelLayer,
};

#[derive(Debug, Clone, Serialize)]
struct Texts {
    model: String,
    input: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Vectors {
    model: String,
    data: Vec<Vector>,
    usage: Tokens,
}

#[derive(Debug, Deserialize)]
struct Vector {
    embedding: Vec<f32>,
}

#[derive(Debug, Deserialize)]
struct Tokens {
    prompt_tokens: u64,
}

struct Print;

impl CallbackHandler for Print {
    fn on_embedding_start(&self, _run: &Run, start: &LlmStart) {
        let model = start.model.as_deref().unwrap_or("?");
        println!("embedding {} texts with {model}", start.inputs.unwrap_or_default());
    }

    fn on_embedding_end(&self, _run: &Run, result: &LlmResult) {
        let (vectors, dimensions) = (result.outputs.unwrap_or(0), result.dimensions.unwrap_or(0));
        let usage = result.usage.clone().unwrap_or_default();
        println!("{vectors} vectors of {dimensions} dimensions, {usage}");
    }

    fn on_embedding_error(&self, _run: &Run, error: &RunError) {
        println!("{error}");
    }
}

fn described(texts: &Texts) -> LlmStart {
    LlmStart::new("openai", "embeddings")
        .model(&*texts.model)
        .stream(false)
        .inputs(texts.input.len() as u64)
        .messages(Prompt::json(json!(texts.input)))
}

fn facts(vectors: &Vectors, each: &mut dyn FnMut(Delta<'_>)) {
    each(Delta::response("", &*vectors.model));
    let dimensions = vectors.data.first().map(|first| first.embedding.len() as u32);
    each(Delta::Outputs { count: vectors.data.len() as u64, dimensions });
    let mut usage = Usage::default();
    usage.input_tokens = Some(vectors.usage.prompt_tokens);
    each(Delta::usage(usage));
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Required because reqwest is built with `rustls-no-provider` here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (base, key) = match env::var("OPENAI_API_KEY") {
        Ok(key) => ("https://api.openai.com".to_owned(), key),
        Err(_) => (simulated::serve().await?, "no-key".to_owned()),
    };
    let model = env::var("OPENAI_MODEL").unwrap_or_else(|_| "text-embedding-3-small".to_owned());

    let client = Client::new();
    let embed = service_fn(move |texts: Texts| {
        let request = client.post(format!("{base}/v1/embeddings")).bearer_auth(&key).json(&texts);
        async move { request.send().await?.error_for_status()?.json::<Vectors>().await }
    });
    let embed = ModelLayer::embedding(Callbacks::new().blocking(Print))
        .extract(described, facts)
        .layer(embed);

    let input = vec!["Why can't a bicycle stand up?".to_owned(), "It is two-tired.".to_owned()];
    let vectors = embed.oneshot(Texts { model, input }).await?;
    println!("the client got {} vectors", vectors.data.len());
    Ok(())
}
