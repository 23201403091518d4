//! Callbacks on genai. Its client takes a `reqwest::Client` and no other HTTP service, so that the layer is the typed one, above
//! the client: two closures read its requests and its events.
//!
//! `cargo run --manifest-path examples/genai/Cargo.toml` uses a simulated provider in this process, or Anthropic if
//! `ANTHROPIC_API_KEY` is set. `ANTHROPIC_MODEL` selects the model.

use std::{
    env,
    io::{Write, stdout},
};

use futures::StreamExt;
use genai::{
    Client, ServiceTarget,
    chat::{ChatMessage, ChatOptions, ChatRequest, ChatStreamEvent},
    resolver::{AuthData, Endpoint},
};
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    CallbackHandler, CallbackLayer, Callbacks, Delta, LlmResult, LlmStart, Prompt, Run, RunError,
    RunLayer, Token, Usage, handlers::RunTrees,
};

struct Print;

impl CallbackHandler for Print {
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

/// A call of the client.
#[derive(Clone)]
struct Call {
    model: String,
    request: ChatRequest,
}

fn described(call: &Call) -> LlmStart {
    let messages = serde_json::to_value(&call.request.messages).unwrap_or_default();
    LlmStart::new("anthropic", "messages").model(&*call.model).messages(Prompt::json(messages))
}

fn facts(event: &ChatStreamEvent, each: &mut dyn FnMut(Delta<'_>)) {
    match event {
        ChatStreamEvent::Chunk(chunk) => each(Delta::text(&chunk.content)),
        ChatStreamEvent::ReasoningChunk(chunk) => each(Delta::reasoning(&chunk.content)),
        ChatStreamEvent::End(end) => {
            for call in end.captured_tool_calls().into_iter().flatten().enumerate() {
                let (index, call) = (call.0 as u32, call.1);
                let arguments = call.fn_arguments.to_string();
                each(Delta::tool_call(index, &*call.call_id, &*call.fn_name, arguments));
            }
            if let Some(reason) = &end.captured_stop_reason {
                each(Delta::finish(reason.raw()));
            }
            if let Some(found) = &end.captured_usage {
                let count = |count: Option<i32>| count.and_then(|count| count.try_into().ok());
                let mut usage = Usage::default();
                usage.input_tokens = count(found.prompt_tokens);
                usage.output_tokens = count(found.completion_tokens);
                each(Delta::usage(usage));
            }
            each(Delta::Done);
        }
        _ => {}
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Required because reqwest is built with `rustls-no-provider` here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut client = Client::builder().with_reqwest(reqwest::Client::new());
    if env::var_os("ANTHROPIC_API_KEY").is_none() {
        let endpoint = Endpoint::from_owned(simulated::serve().await? + "/v1/");
        client = client.with_service_target_resolver_fn(move |target: ServiceTarget| {
            let auth = AuthData::from_single("no-key");
            Ok(ServiceTarget { endpoint: endpoint.clone(), auth, ..target })
        });
    }
    let client = client.build()?;
    let model = env::var("ANTHROPIC_MODEL").unwrap_or_else(|_| "claude-haiku-4-5".to_owned());

    let options = ChatOptions::default().with_capture_usage(true).with_capture_tool_calls(true);
    let genai = service_fn(move |call: Call| {
        let (client, options) = (client.clone(), options.clone());
        async move {
            let answer =
                client.exec_chat_stream(&*call.model, call.request, Some(&options)).await?;
            Ok::<_, genai::Error>(answer.stream)
        }
    });
    let genai = CallbackLayer::new(Callbacks::new().blocking(Print))
        .name("genai")
        .extract_terminated(described, facts)
        .layer(genai)
        .checked::<Call>();

    let trees = RunTrees::new();
    let assistant = RunLayer::chain("assistant")
        .inheritable_callbacks(Callbacks::new().inline(trees.clone()))
        .run(async {
            let request = ChatRequest::new(vec![ChatMessage::user("Write a joke")]);
            let mut answer = genai.oneshot(Call { model, request }).await?;
            let mut events = 0;
            while answer.next().await.transpose()?.is_some() {
                events += 1;
            }
            Ok::<_, BoxError>(events)
        });
    println!("the client read {} events", assistant.await?);
    for tree in trees.take() {
        println!("{tree}");
    }
    Ok(())
}
