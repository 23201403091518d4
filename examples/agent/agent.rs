//! The loop: model, tools, model …

use std::task::{Context, Poll};

use futures::future::{BoxFuture, join_all};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    RunInput, RunLayer, ToolCall,
    chat::{self, ChatRequest, Message},
    layer::CallbackService,
    model::{HttpClient, openai::OpenAiModel},
};

use crate::weather::{self, get_weather};

type Model = CallbackService<OpenAiModel<HttpClient>>;

/// How often the model may ask for tools.
const TURNS: usize = 5;

/// A service from a question to an answer.
#[derive(Clone)]
pub(crate) struct Agent {
    model: Model,
    request: ChatRequest,
}

impl Agent {
    pub(crate) fn new(model: Model, name: &str) -> Self {
        let request = ChatRequest::new(name).max_tokens(200).tool(weather::tool());
        Self { model, request }
    }
}

impl Service<String> for Agent {
    type Response = String;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<String, BoxError>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // Each of its calls waits for the model.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, question: String) -> Self::Future {
        Box::pin(answer(self.model.clone(), self.request.clone().user(question)))
    }
}

async fn answer(mut model: Model, mut request: ChatRequest) -> Result<String, BoxError> {
    for _ in 0..TURNS {
        let answer = model.ready().await?.call(request.clone()).await?;
        let result = chat::collect(answer).await?;
        let choice = result.choices.first().ok_or("the model gave no answer")?;
        if choice.tool_calls.is_empty() {
            return Ok(choice.text.clone());
        }
        // All at once: they are children of the same run, and end before it goes on.
        let results = join_all(choice.tool_calls.iter().cloned().map(run)).await;
        request = request.message(Message::from(choice)).messages(results);
    }
    Err("the model asks for tools for ever".into())
}

/// Runs a tool. What goes wrong in it is told the model, which may know better.
async fn run(call: ToolCall) -> Message {
    let tool = RunLayer::tool(call.name.as_str())
        .input(|call: &ToolCall| RunInput::from(call))
        .output(|output: &serde_json::Value| output.clone())
        .layer(service_fn(async |call: ToolCall| match call.name.as_str() {
            "get_weather" => get_weather(call).await,
            other => Err(format!("there is no tool {other}").into()),
        }));
    let id = call.id.clone();
    match tool.oneshot(call).await {
        Ok(output) => Message::tool_result(id, output.to_string()),
        Err(error) => Message::tool_result(id, format!("it failed: {error}")),
    }
}
