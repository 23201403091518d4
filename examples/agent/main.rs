//! An agent: it asks a model, calls the tools that the model asks for, gives back what they say, and asks
//! again. What happens is printed as it happens, as a tree of events.
//!
//! `cargo run --example agent`: without a key it asks a simulated provider in this process; with
//! `OPENAI_API_KEY` set, OpenAI or, with `OPENAI_BASE_URL` besides, a server that speaks its interface (the
//! model is `OPENAI_MODEL`, if set). Words on the command line are the question; the simulated model calls
//! the tool and then tells the only joke it knows, whatever it is asked.

mod agent;
mod live;
mod weather;

use std::env;

use agent::Agent;
use futures::StreamExt;
use live::Live;
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

    // Neither the model nor the tool knows of any handler.
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

    // Two ways to look at the same runs: their events as they come, and the tree when it is whole.
    let trees = RunTrees::new();
    let config = RunConfig::new().callbacks(&Callbacks::new().inline(trees.clone()));
    let mut events =
        EventStream::builder().of(async move { config.call(agent.ready().await?, question).await });
    let mut live = Live::default();
    while let Some(event) = events.next().await {
        live.print(&event)?;
    }
    let answer = events.output().expect("it is done when its events are")?;

    println!("\n{answer}\n");
    for tree in trees.take() {
        println!("{tree}");
    }
    Ok(())
}
