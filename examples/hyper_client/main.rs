//! Callbacks on hyper's client: the layer wraps it, and nothing else changes.
//!
//! `cargo run --example hyper_client` uses a simulated provider in this process, or Anthropic if `ANTHROPIC_API_KEY` is
//! set. `ANTHROPIC_MODEL` selects the model.

use std::{
    env,
    io::{Write, stdout},
};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::json;
use tower::{BoxError, Layer};
use tower_llm_callbacks::{
    CallbackHandler, Callbacks, HttpCallbackLayer, LlmResult, LlmStart, Run, RunError, Token,
};

struct Print;

impl CallbackHandler for Print {
    fn on_llm_start(&self, _run: &Run, start: &LlmStart) {
        println!("calling {} at {}", start.model.as_deref().unwrap_or("?"), start.provider);
    }

    fn on_llm_new_token(&self, _run: &Run, token: &Token) {
        print!("{}", token.text());
        let _ = stdout().flush();
    }

    fn on_llm_end(&self, _run: &Run, result: &LlmResult) {
        let usage = result.usage.clone().unwrap_or_default();
        println!("\n{usage}");
    }

    fn on_llm_error(&self, _run: &Run, error: &RunError) {
        println!("\n{error}");
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (base, key) = match env::var("ANTHROPIC_API_KEY") {
        Ok(key) => ("https://api.anthropic.com".to_owned(), key),
        Err(_) => (simulated::serve().await?, "no-key".to_owned()),
    };
    let model = env::var("ANTHROPIC_MODEL").unwrap_or_else(|_| "claude-haiku-4-5".to_owned());

    // The client as before. The layer determines the type of request bodies, which is inferred.
    let https = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())?
        .https_or_http()
        .enable_all_versions()
        .build();
    let client = Client::builder(TokioExecutor::new()).build(https);

    let callbacks = Callbacks::new().blocking(Print);
    let client = HttpCallbackLayer::new(callbacks).name("hyper").layer(client);

    let body = json!({
        "model": model, "max_tokens": 100, "stream": true,
        "messages": [{"role": "user", "content": "Write a joke"}],
    });
    let request = Request::post(format!("{base}/v1/messages"))
        .header("content-type", "application/json")
        .header("anthropic-version", "2023-06-01")
        .header("x-api-key", key)
        .body(Full::<Bytes>::from(body.to_string()))?;
    let response = client.oneshot(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    println!("the client read {} bytes with status {status}", body.len());
    Ok(())
}
