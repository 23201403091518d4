//! LangChain's `RunnableLambda`, `RunnableGenerator` and `@tool` as Tower services, each of which calls a model.
//! Callbacks are attached once, to the outermost call. The model's runs inherit them and become child runs.
//!
//! `cargo run --example runnables` uses a simulated provider in this process, or Anthropic if `ANTHROPIC_API_KEY` is set.
//! `ANTHROPIC_MODEL` selects the model.

use std::env;

use futures::{StreamExt, future::ready};
use serde_json::json;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delta, RunConfig, RunInput, RunLayer, ToolCall,
    chat::{self, ChatRequest},
    handlers::RunTrees,
    layer::CallbackService,
    model::{
        HttpClient,
        anthropic::{AnthropicConfig, AnthropicLayer, AnthropicModel},
        client,
    },
};

/// A chat model without callbacks of its own. Its runs inherit callbacks.
type Model = CallbackService<AnthropicModel<HttpClient>>;

async fn model() -> Result<Model, BoxError> {
    let config = match env::var_os("ANTHROPIC_API_KEY") {
        Some(_) => AnthropicConfig::from_env()?,
        None => AnthropicConfig::new("no-key").base_url(simulated::serve().await?),
    };
    Ok(ServiceBuilder::new()
        .layer(CallbackLayer::new(Callbacks::new()).name("model"))
        .layer(AnthropicLayer::new(config))
        .service(client()))
}

fn question(topic: &str) -> ChatRequest {
    let model = env::var("ANTHROPIC_MODEL").unwrap_or_else(|_| "claude-haiku-4-5".to_owned());
    ChatRequest::new(model).max_tokens(40).user(format!("Write a joke about {topic}"))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let model = model().await?;
    let trees = RunTrees::new();
    let attached = RunConfig::new().callbacks(Callbacks::new().inline(trees.clone()));

    // RunnableLambda: an async function.
    let lambda = {
        let model = model.clone();
        service_fn(move |topic: &'static str| {
            let mut model = model.clone();
            async move {
                let answer = model.ready().await?.call(question(topic)).await?;
                let answer = chat::collect(answer).await?;
                Ok::<_, BoxError>(answer.text().split_whitespace().count())
            }
        })
    };
    let mut lambda = RunLayer::chain("count_words")
        .input(|topic: &&str| json!(topic))
        .output(|words: &usize| json!(words))
        .layer(lambda);
    let words = attached.clone().call(lambda.ready().await?, "bicycles").await?;
    println!("a lambda counts {words} words");
    show(&trees);

    // RunnableGenerator: an async function that returns a stream.
    let generator = {
        let model = model.clone();
        service_fn(move |topic: &'static str| {
            let mut model = model.clone();
            async move {
                let answer = model.ready().await?.call(question(topic)).await?;
                Ok::<_, BoxError>(answer.filter_map(|chunk| match chunk {
                    Ok(Delta::Text { text, .. }) => ready(Some(Ok(text.to_uppercase()))),
                    Ok(_) => ready(None),
                    Err(error) => ready(Some(Err(error))),
                }))
            }
        })
    };
    let mut generator = RunLayer::chain("shout")
        .input(|topic: &&str| json!(topic))
        .fold(String::new(), |all, piece: &String| all.push_str(piece))
        .layer(generator);
    let mut pieces = attached.clone().call(generator.ready().await?, "bicycles").await?;
    print!("a generator shouts: ");
    while let Some(piece) = pieces.next().await {
        print!("{}", piece?.replace('\n', " "));
    }
    println!();
    show(&trees);

    // @tool: a named function that takes a tool call.
    let tool = service_fn(move |call: ToolCall| {
        let mut model = model.clone();
        async move {
            let arguments: serde_json::Value = serde_json::from_str(&call.arguments)?;
            let topic = arguments["topic"].as_str().ok_or("the argument `topic` is missing")?;
            let answer = model.ready().await?.call(question(topic)).await?;
            Ok::<_, BoxError>(chat::collect(answer).await?.text().len())
        }
    });
    let mut tool = RunLayer::tool("measure_joke")
        .input(|call: &ToolCall| RunInput::from(call))
        .output(|length: &usize| json!(length))
        .layer(tool);
    let call = ToolCall::new("call_1", "measure_joke", r#"{"topic":"bicycles"}"#);
    let length = attached.clone().call(tool.ready().await?, call).await?;
    println!("a tool measures {length} bytes");
    show(&trees);

    // A failed tool is a failed run.
    let call = ToolCall::new("call_2", "measure_joke", "{}");
    let error = attached.call(tool.ready().await?, call).await.unwrap_err();
    println!("a tool without a topic fails: {error}");
    show(&trees);
    Ok(())
}

fn show(trees: &RunTrees) {
    for tree in trees.take() {
        println!("{tree}\n");
    }
}
