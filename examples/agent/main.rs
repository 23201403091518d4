//! An agent that calls a model and the tools it requests in a loop. Events are printed as they arrive, then the tree of
//! runs.
//!
//! `cargo run --example agent [QUESTION]` uses a simulated provider in this process, or OpenAI if `OPENAI_API_KEY` is
//! set. `OPENAI_BASE_URL` selects a compatible server, `OPENAI_MODEL` the model. The simulated model calls the tool and
//! then answers every question with the same joke.

mod agent;
mod event_printer;
mod weather;

use std::env;

use agent::Agent;
use event_printer::EventPrinter;
use futures::StreamExt;

use tower::{BoxError, ServiceBuilder, ServiceExt};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, RunConfig, RunLayer,
    handlers::{EventStream, RunTrees},
    model::{
        client,
        openai::{OpenAiConfig, OpenAiLayer},
    },
};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let config = match env::var_os("OPENAI_API_KEY") {
        Some(_) => OpenAiConfig::from_env()?,
        None => OpenAiConfig::without_key(format!("{}/v1", simulated::serve().await?)),
    };
    let name = env::var("OPENAI_MODEL").unwrap_or_else(|_| "gpt-4o-mini".to_owned());
    let question: Vec<_> = env::args().skip(1).collect();
    let question = match question.join(" ") {
        question if question.is_empty() => "What is the weather in Paris?".to_owned(),
        question => question,
    };

    // The model and the tool have no handlers of their own.
    let model = ServiceBuilder::new()
        .layer(CallbackLayer::new(Callbacks::new()).name("model"))
        .layer(OpenAiLayer::new(config))
        .service(client());
    let agent = Agent::new(model, &name);
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
