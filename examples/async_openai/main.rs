//! Callbacks on async-openai: the layer is in the client's HTTP service. Code that uses the client does not change, and its calls
//! are children of the run that makes them.
//!
//! `cargo run --features reqwest --example async_openai` uses a simulated provider in this process, or
//! OpenAI if `OPENAI_API_KEY` is set. `OPENAI_MODEL` selects the model.

use std::{
    env,
    io::{Write, stdout},
    time::Duration,
};

use async_openai::{
    Client,
    config::OpenAIConfig,
    middleware::{HttpRequestFactory, retry::OpenAIRetryLayer},
    types::chat::CreateChatCompletionRequest,
};
use futures::StreamExt;
use serde_json::json;
use tower::{BoxError, ServiceBuilder};
use tower_llm_callbacks::{
    CallbackHandler, Callbacks, HttpCallbackLayer, LlmResult, Run, RunError, RunLayer, Token,
    handlers::RunTrees,
    model::{FromReqwestLayer, ReqwestService},
};

struct Print;

impl CallbackHandler for Print {
    fn on_llm_new_token(&self, _run: &Run, token: &Token) {
        print!("{}", token.text());
        let _ = stdout().flush();
    }

    fn on_llm_end(&self, _run: &Run, result: &LlmResult) {
        let usage = result.usage.clone().unwrap_or_default();
        let model = result.model.as_deref().unwrap_or("?");
        println!("\n{model}: {usage}");
    }

    fn on_llm_error(&self, _run: &Run, error: &RunError) {
        println!("\n{error}");
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Required because reqwest is built with `rustls-no-provider` here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = match env::var("OPENAI_API_KEY") {
        Ok(_) => OpenAIConfig::new(),
        Err(_) => OpenAIConfig::new().with_api_base(simulated::serve().await? + "/v1"),
    };
    let model = env::var("OPENAI_MODEL").unwrap_or_else(|_| "gpt-4o-mini".to_owned());

    let callbacks = Callbacks::new().blocking(Print);
    // The outermost layer retries. Each attempt is a run of its own.
    let http = ServiceBuilder::new()
        .layer(OpenAIRetryLayer::default())
        .layer(FromReqwestLayer::build(|it: HttpRequestFactory| async move { it.build().await }))
        .layer(HttpCallbackLayer::new(callbacks.clone()).name("async-openai"))
        .service(ReqwestService::new(reqwest::Client::new()));
    let client = Client::with_config(config).with_http_service(http);

    let request: CreateChatCompletionRequest = serde_json::from_value(json!({
        "model": model, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "Write a joke"}],
    }))?;
    let trees = RunTrees::new();
    let assistant = RunLayer::chain("assistant")
        .inheritable_callbacks(Callbacks::new().inline(trees.clone()))
        .run(async {
            let mut answer = client.chat().create_stream(request).await?;
            let mut chunks = 0;
            while answer.next().await.transpose()?.is_some() {
                chunks += 1;
            }
            // The client stops reading at the end mark, which does not wait for handlers.
            let _ = callbacks.flush(Duration::from_secs(5)).await;
            Ok::<_, BoxError>(chunks)
        });
    println!("the client read {} chunks", assistant.await?);
    for tree in trees.take() {
        println!("{tree}");
    }
    Ok(())
}
