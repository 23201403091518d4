//! An agent that calls a model and the tools it requests in a loop. Events are printed as they arrive, then the tree of
//! runs.
//!
//! `cargo run --example agent [QUESTION]` uses a simulated provider in this process, or OpenAI if `OPENAI_API_KEY` is
//! set. `OPENAI_BASE_URL` selects a compatible server, `OPENAI_MODEL` the model. With `AGENT_API=responses` or
//! `AGENT_API=messages` (Anthropic, `ANTHROPIC_API_KEY`, `ANTHROPIC_MODEL`) the model thinks before it calls the tool. The simulated model calls the tool and
//! then answers every question with the same joke.

mod agent;
mod event_printer;
mod weather;

use std::env;

use agent::Agent;
use event_printer::EventPrinter;
use futures::StreamExt;

use serde_json::json;
use tower::{BoxError, Layer, ServiceBuilder, ServiceExt};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, RunConfig, RunLayer,
    chat::{BoxModel, ChatRequest},
    handlers::{EventStream, RunTrees},
    model::{
        anthropic::{AnthropicConfig, AnthropicLayer},
        client,
        openai::{OpenAiApi, OpenAiConfig, OpenAiLayer},
    },
};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (model, request) = model(&env::var("AGENT_API").unwrap_or_default()).await?;
    let question: Vec<_> = env::args().skip(1).collect();
    let question = match question.join(" ") {
        question if question.is_empty() => "What is the weather in Paris?".to_owned(),
        question => question,
    };

    let agent = Agent::new(model, request);
    let mut agent = ServiceBuilder::new()
        .layer(
            RunLayer::chain("agent")
                .input(|question: &String| question.clone())
                .output(|answer: &String| answer.clone()),
        )
        .service(agent);

    // Two views of the same runs: a stream of events, and the tree of runs once it is complete.
    let trees = RunTrees::new();
    let config = RunConfig::new().callbacks(Callbacks::new().inline(trees.clone()));
    let mut events =
        EventStream::builder().of(async move { config.call(agent.ready().await?, question).await });
    let mut printer = EventPrinter::default();
    while let Some(event) = events.next().await {
        printer.print(&event)?;
    }
    let answer = events.output().expect("the call has ended with its events")?;

    println!("\n{answer}\n");
    for tree in trees.take() {
        println!("{tree}");
    }
    Ok(())
}

/// Returns the model of an API, and the beginning of its requests. The model and the tool have no handlers of their own.
async fn model(api: &str) -> Result<(BoxModel, ChatRequest), BoxError> {
    let layer = CallbackLayer::new(Callbacks::new()).name("model");
    let name = |variable, otherwise: &str| env::var(variable).unwrap_or_else(|_| otherwise.into());
    if api == "messages" {
        let config = match env::var_os("ANTHROPIC_API_KEY") {
            Some(_) => AnthropicConfig::from_env()?,
            None => AnthropicConfig::new("no-key").base_url(simulated::serve().await?),
        };
        let model = AnthropicLayer::new(config).layer(client());
        let thinking = json!({"type": "enabled", "budget_tokens": 1024});
        let request = ChatRequest::new(name("ANTHROPIC_MODEL", "claude-haiku-4-5"));
        let request = request.max_tokens(2048).param("thinking", thinking);
        return Ok((BoxModel::new(layer.layer(model)), request));
    }
    let config = match env::var_os("OPENAI_API_KEY") {
        Some(_) => OpenAiConfig::from_env()?,
        None => OpenAiConfig::without_key(format!("{}/v1", simulated::serve().await?)),
    };
    let (config, request) = match api {
        "responses" => {
            let request = ChatRequest::new(name("OPENAI_MODEL", "gpt-5-mini")).max_tokens(2000);
            // The provider stores nothing: its reasoning travels encrypted.
            let include = json!(["reasoning.encrypted_content"]);
            let request = request.reasoning_effort("low").param("store", false);
            (config.api(OpenAiApi::Responses), request.param("include", include))
        }
        _ => (config, ChatRequest::new(name("OPENAI_MODEL", "gpt-4o-mini")).max_tokens(200)),
    };
    let model = OpenAiLayer::new(config).layer(client());
    Ok((BoxModel::new(layer.layer(model)), request))
}
