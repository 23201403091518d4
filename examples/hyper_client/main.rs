//! Callbacks on hyper's client: the layer goes around it, and nothing else changes.
//!
//! `cargo run --example hyper_client`: without a key it asks a simulated provider in this process; with
//! `ANTHROPIC_API_KEY` set, Anthropic's (the model is `ANTHROPIC_MODEL`, if set).

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
use tower::{BoxError, Layer, ServiceExt};
use tower_llm_callbacks::{
    CallbackHandler, Callbacks, HttpCallbackLayer, LlmResult, LlmStart, Run, RunError, Token,
};

struct Print;

impl CallbackHandler for Print {
    fn on_llm_start(&self, _run: &Run, start: &LlmStart) {
        println!("asking {} of {}", start.model.as_deref().unwrap_or("?"), start.provider);
    }

    fn on_llm_new_token(&self, _run: &Run, token: &Token) {
        print!("{}", token.text());
        let _ = stdout().flush();
    }

    fn on_llm_end(&self, _run: &Run, result: &LlmResult) {
        let usage = result.usage.unwrap_or_default();
        println!("\n{} tokens in, {} out", usage.input_tokens, usage.output_tokens);
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

    // The client as it was: the type of its requests' body is the layer's, and inferred.
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
        "messages": [{"role": "user", "content": "Tell me a joke"}],
    });
    let request = Request::post(format!("{base}/v1/messages"))
        .header("content-type", "application/json")
        .header("anthropic-version", "2023-06-01")
        .header("x-api-key", key)
        .body(Full::<Bytes>::from(body.to_string()))?;
    let response = client.oneshot(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    println!("the client read an answer with status {status}, of {} bytes", body.len());
    Ok(())
}
