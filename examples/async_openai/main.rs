//! Callbacks on async-openai: the layer wraps reqwest as the client's HTTP service. Code that uses the client does not
//! change.
//!
//! `cargo run --example async_openai` uses a simulated provider in this process, or OpenAI if `OPENAI_API_KEY` is set.
//! `OPENAI_MODEL` selects the model.

use std::{
    env,
    io::{Write, stdout},
    time::Duration,
};

use async_openai::{
    Client,
    config::OpenAIConfig,
    error::OpenAIError,
    middleware::{HttpRequestFactory, retry::OpenAIRetryLayer},
    types::chat::CreateChatCompletionRequest,
};
use futures::StreamExt;
use reqwest::Body;
use serde_json::json;
use tower::{BoxError, Layer, ServiceBuilder, service_fn};
use tower_llm_callbacks::{
    CallbackHandler, Callbacks, HttpCallbackLayer, LlmResult, Run, RunError, Token,
    http_layer::RequestBody,
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

    let reqwest = reqwest::Client::new();
    let send = service_fn(move |request: http::Request<RequestBody<Body>>| {
        let reqwest = reqwest.clone();
        async move {
            // A body in memory stays in memory, so that redirects and reqwest's retries can send it again.
            let request = request.map(|it| it.try_into_bytes().map_or_else(Body::wrap, Body::from));
            let response = reqwest.execute(request.try_into()?).await?;
            Ok::<_, reqwest::Error>(http::Response::<Body>::from(response))
        }
    });
    let callbacks = Callbacks::new().blocking(Print);
    let http = HttpCallbackLayer::new(callbacks.clone()).name("async-openai").layer(send);

    // The service retries. Each attempt is a run of its own.
    let service = ServiceBuilder::new().layer(OpenAIRetryLayer::default()).service_fn(
        move |request: HttpRequestFactory| {
            let http = http.clone();
            async move {
                let response = http.oneshot(request.build().await?.try_into()?).await?;
                Ok::<_, OpenAIError>(reqwest::Response::from(response.map(Body::wrap)))
            }
        },
    );
    let client = Client::with_config(config).with_http_service(service);

    let request: CreateChatCompletionRequest = serde_json::from_value(json!({
        "model": model, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "Write a joke"}],
    }))?;
    let mut answer = client.chat().create_stream(request).await?;
    let mut chunks = 0;
    while answer.next().await.transpose()?.is_some() {
        chunks += 1;
    }
    // The client stops reading at the end mark, which does not wait for handlers.
    let _ = callbacks.flush(Duration::from_secs(5)).await;
    println!("the client read {chunks} chunks");
    Ok(())
}
