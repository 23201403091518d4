//! Callbacks on rig: the layer is in its HTTP client. Code that uses rig does not change, and its calls are children of the run
//! that makes them.
//!
//! `cargo run --manifest-path examples/rig/Cargo.toml` uses a simulated provider in this process, or OpenAI if `OPENAI_API_KEY`
//! is set. `OPENAI_MODEL` selects the model. rig needs Rust 1.95.

mod http_client;

use std::{
    env,
    io::{Write, stdout},
    time::Duration,
};

use futures::StreamExt;
use http_client::RigClient;
use rig_core::{completion::CompletionRequest, providers::openai::OpenAIConfig};
use tower::{BoxError, Layer};
use tower_llm_callbacks::{
    CallbackHandler, Callbacks, HttpCallbackLayer, LlmResult, Run, RunError, RunLayer, Token,
    handlers::RunTrees, model::client,
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
    let config = match env::var("OPENAI_API_KEY") {
        Ok(key) => OpenAIConfig::new(key),
        Err(_) => OpenAIConfig::new("no-key").with_base_url(simulated::serve().await? + "/v1"),
    };
    let model = env::var("OPENAI_MODEL").unwrap_or_else(|_| "gpt-4o-mini".to_owned());

    let callbacks = Callbacks::new().blocking(Print);
    let layer = HttpCallbackLayer::new(&callbacks).name("rig");
    let http = RigClient(layer.layer(client()));
    let model = config.connect(http).chat(model);

    let trees = RunTrees::new();
    let assistant = RunLayer::chain("assistant")
        .inheritable_callbacks(Callbacks::new().inline(trees.clone()))
        .run(async {
            let mut answer = model.stream(CompletionRequest::new("Write a joke"))?;
            let mut items = 0;
            while answer.next().await.transpose()?.is_some() {
                items += 1;
            }
            drop(answer);
            // Handlers may lag behind the end mark, which does not wait for them.
            let _ = callbacks.flush(Duration::from_secs(5)).await;
            Ok::<_, BoxError>(items)
        });
    println!("the client read {} items", assistant.await?);
    for tree in trees.take() {
        println!("{tree}");
    }
    Ok(())
}
