//! Callbacks on reqwest: a `ReqwestService` is its client as a service of `http` types, which the layer wraps. Above it, a
//! `FromReqwestLayer` takes requests and returns responses of reqwest's own types.
//!
//! `cargo run --features reqwest --example reqwest_client` uses a simulated provider in this process, or
//! Anthropic if `ANTHROPIC_API_KEY` is set. `ANTHROPIC_MODEL` selects the model.

use std::{
    env,
    io::{Write, stdout},
};

use reqwest::Client;
use serde_json::json;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt};
use tower_llm_callbacks::{
    CallbackHandler, Callbacks, HttpCallbackLayer, LlmResult, LlmStart, Run, RunError, Token,
    model::{FromReqwestLayer, ReqwestService},
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
    // Required because reqwest is built with `rustls-no-provider` here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (base, key) = match env::var("ANTHROPIC_API_KEY") {
        Ok(key) => ("https://api.anthropic.com".to_owned(), key),
        Err(_) => (simulated::serve().await?, "no-key".to_owned()),
    };
    let model = env::var("ANTHROPIC_MODEL").unwrap_or_else(|_| "claude-haiku-4-5".to_owned());

    let client = Client::new();
    let callbacks = Callbacks::new().blocking(Print);
    let mut http = ServiceBuilder::new()
        .layer(FromReqwestLayer::new())
        .layer(HttpCallbackLayer::new(callbacks).name("reqwest"))
        .service(ReqwestService::new(client.clone()));

    let body = json!({
        "model": model, "max_tokens": 100, "stream": true,
        "messages": [{"role": "user", "content": "Write a joke"}],
    });
    let request = client
        .post(format!("{base}/v1/messages"))
        .header("anthropic-version", "2023-06-01")
        .header("x-api-key", key)
        .json(&body)
        .build()?;
    let mut response = http.ready().await?.call(request).await?.error_for_status()?;
    let (status, mut bytes) = (response.status(), 0);
    while let Some(piece) = response.chunk().await? {
        bytes += piece.len();
    }
    println!("the client read {bytes} bytes with status {status}");
    Ok(())
}
