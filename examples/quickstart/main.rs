//! LangChain's guide to callbacks in async environments, in Rust: a blocking handler and an async handler on a streaming
//! chat model.
//!
//! `cargo run --example quickstart` calls a simulated server in this process, or Anthropic if `ANTHROPIC_API_KEY` is set.
//! `ANTHROPIC_MODEL` selects the model.

mod simulated;

use std::{env, time::Duration};

use tower::{BoxError, Service, ServiceBuilder, ServiceExt};
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, CallbackLayer, Callbacks, LlmResult, LlmStart, Run,
    Token,
    chat::{self, ChatRequest},
    model::{
        anthropic::{AnthropicConfig, AnthropicLayer},
        client,
    },
    on_llm_result,
};

/// A synchronous handler. Its methods may block: they run on dedicated threads.
struct MyCustomSyncHandler;

impl CallbackHandler for MyCustomSyncHandler {
    fn on_llm_new_token(&self, _run: &Run, token: &Token) {
        println!("Sync handler being called in a `thread_pool_executor`: token: {}", token.text());
    }
}

/// An asynchronous handler. Its methods may await.
struct MyCustomAsyncHandler;

impl AsyncCallbackHandler for MyCustomAsyncHandler {
    async fn on_llm_start(&self, _run: &Run, _start: &LlmStart) {
        println!("zzzz....");
        tokio::time::sleep(Duration::from_millis(300)).await;
        println!("Hi! I just woke up. Your llm is starting");
    }

    async fn on_llm_end(&self, _run: &Run, _result: &LlmResult) {
        println!("zzzz....");
        tokio::time::sleep(Duration::from_millis(300)).await;
        println!("Hi! I just woke up. Your llm is ending");
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (config, model) = if env::var_os("ANTHROPIC_API_KEY").is_some() {
        let model = env::var("ANTHROPIC_MODEL").unwrap_or_else(|_| "claude-haiku-4-5".to_owned());
        eprintln!("calling {model} at Anthropic");
        (AnthropicConfig::from_env()?, model)
    } else {
        let server = simulated::serve().await?;
        eprintln!("ANTHROPIC_API_KEY is not set: calling the simulated server at http://{server}");
        let config = AnthropicConfig::new("no-key").base_url(format!("http://{server}"));
        (config, "claude-3-sonnet-20240229".to_owned())
    };

    let (sender, run_id) = tokio::sync::oneshot::channel();
    let sender = std::sync::Mutex::new(Some(sender));
    let callbacks = Callbacks::new()
        .blocking(MyCustomSyncHandler)
        .async_handler(MyCustomAsyncHandler)
        .inline(on_llm_result(move |run, _result, _error| {
            if let Some(sender) = sender.lock().ok().and_then(|mut sender| sender.take()) {
                let _ = sender.send(run.run_id());
            }
        }));

    let mut chat_model = ServiceBuilder::new()
        .layer(CallbackLayer::new(callbacks).name("joke-bot"))
        .layer(AnthropicLayer::new(config))
        .service(client());

    let request = ChatRequest::new(model).max_tokens(25).user("Tell me a joke");
    let answer = chat_model.ready().await?.call(request).await?;
    let result = chat::collect(answer).await?;
    let run_id = run_id.await?;

    println!("LlmResult {{ text: {:?}, run_id: {run_id} }}", result.text());
    Ok(())
}
