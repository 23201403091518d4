//! The agent loop: model, tools, model …

use std::task::{Context, Poll};

use futures::future::{BoxFuture, join_all};
use tower::{BoxError, Layer, Service, service_fn};
use tower_llm_callbacks::{
    RunInput, RunLayer, ToolCall,
    chat::{BoxModel, ChatRequest, Message},
};

use crate::weather::{self, get_weather};

/// The maximum number of model calls.
const TURNS: usize = 5;

/// A service that answers questions.
#[derive(Clone)]
pub(crate) struct Agent {
    model: BoxModel,
    request: ChatRequest,
}

impl Agent {
    /// Creates an agent whose requests begin like `request`.
    pub(crate) fn new(model: BoxModel, request: ChatRequest) -> Self {
        Self { model, request: request.tool(weather::tool()) }
    }
}

impl Service<String> for Agent {
    type Response = String;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<String, BoxError>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // Each call waits for the model itself.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, question: String) -> Self::Future {
        Box::pin(answer(self.model.clone(), self.request.clone().user(question)))
    }
}

async fn answer(model: BoxModel, mut request: ChatRequest) -> Result<String, BoxError> {
    for _ in 0..TURNS {
        let result = model.ask(request.clone()).await?.collect_result().await?;
        let choice = result.choices.first().ok_or("the model returned no choices")?;
        if choice.tool_calls.is_empty() {
            return Ok(choice.text.clone());
        }
        // Tools run concurrently, as children of the current run.
        let results = join_all(choice.tool_calls.iter().cloned().map(run_tool)).await;
        // With what the provider demands back, such as its signatures of what the model thought.
        request = request.message(Message::from(choice)).messages(results);
    }
    Err(format!("the model still calls tools after {TURNS} turns").into())
}

/// Runs a tool. An error becomes the tool's result, so that the model can react to it.
async fn run_tool(call: ToolCall) -> Message {
    let tool = RunLayer::tool(call.name.as_str())
        .input(|call: &ToolCall| RunInput::from(call))
        .output(|output: &serde_json::Value| output.clone())
        .layer(service_fn(async |call: ToolCall| match call.name.as_str() {
            "get_weather" => get_weather(call).await,
            other => Err(format!("unknown tool {other:?}").into()),
        }));
    let id = call.id.clone();
    match tool.oneshot(call).await {
        Ok(output) => Message::tool_result(id, output.to_string()),
        Err(error) => Message::tool_result(id, format!("the tool failed: {error}")),
    }
}
