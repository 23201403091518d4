//! A weather tool with constant weather.

use serde::Deserialize;
use serde_json::{Value, json};
use tower::BoxError;
use tower_llm_callbacks::{ToolCall, chat::Tool, emit};

#[derive(Deserialize)]
struct Arguments {
    city: String,
}

/// Returns the tool's definition for the model.
pub(crate) fn tool() -> Tool {
    let parameters = json!({
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": false,
    });
    Tool::new("get_weather", parameters).description("The weather in a city, now")
}

/// Runs the tool.
pub(crate) async fn get_weather(call: ToolCall) -> Result<Value, BoxError> {
    let Arguments { city } = serde_json::from_str(&call.arguments)?;
    // A custom event in the tool's run.
    let _ = emit("station", json!({"city": city, "distance_km": 3}));
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    Ok(json!({"city": city, "celsius": 18, "sky": "clear"}))
}
