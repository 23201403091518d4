use std::time::Duration;

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    model::{ERROR_MESSAGE, Reply},
    stream::{EventScript, whole},
};

const CREATED: &str = "2026-01-01T00:00:00.000000Z";

/// Puts a piece of text, and optionally a tool call, into an object.
type Put = fn(&mut Value, &str, Option<&str>);

/// Handles `POST /api/chat`.
pub(crate) async fn chat(State(pace): State<Duration>, body: Bytes) -> Response {
    reply(pace, &body, |object, text, tool| {
        object["message"] = json!({"role": "assistant", "content": text});
        if let Some(tool) = tool {
            let function = json!({"name": tool, "arguments": {"city": "Paris"}});
            object["message"]["tool_calls"] = json!([{"function": function}]);
        }
    })
    .await
}

/// Handles `POST /api/generate`.
pub(crate) async fn generate(State(pace): State<Duration>, body: Bytes) -> Response {
    reply(pace, &body, |object, text, _| object["response"] = text.into()).await
}

async fn reply(pace: Duration, body: &[u8], put: Put) -> Response {
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        return error_response(StatusCode::BAD_REQUEST, "invalid JSON");
    };
    let Some(model) = request["model"].as_str() else {
        return error_response(StatusCode::BAD_REQUEST, "model is required");
    };
    let limit = request["options"]["num_predict"].as_u64();
    let reply = Reply::new(model, body, limit, pace).calling(tool(&request));
    // Unlike in other formats, the default is a stream.
    let is_stream = request["stream"] != false;
    if let Some(status) = reply.error_status(is_stream) {
        return error_response(status, ERROR_MESSAGE);
    }
    if !is_stream {
        let mut object = last(&reply);
        put(&mut object, &reply.text(), reply.tool.as_deref());
        return whole(&reply, object).await;
    }

    let mut end = Vec::new();
    if let Some(tool) = &reply.tool {
        let mut object = part(&reply.model);
        put(&mut object, "", Some(tool));
        end.push(line(&object));
    }
    let mut last = last(&reply);
    put(&mut last, "", None);
    end.push(line(&last));
    let model = reply.model.clone();
    let tokens = reply.text_tokens().map(move |token| {
        let mut object = part(&model);
        put(&mut object, token, None);
        line(&object)
    });
    let error = vec![line(&json!({"error": ERROR_MESSAGE}))];
    EventScript { begin: Vec::new(), tokens, end, error }.play(&reply, "application/x-ndjson", 0)
}

/// Returns the tool to call: the first, unless the last message is a tool's result.
fn tool(request: &Value) -> Option<&str> {
    let last = request["messages"].as_array()?.last()?;
    request["tools"][0]["function"]["name"].as_str().filter(|_| last["role"] != "tool")
}

fn line(object: &Value) -> Bytes {
    format!("{object}\n").into()
}

fn part(model: &str) -> Value {
    json!({"model": model, "created_at": CREATED, "done": false})
}

fn last(reply: &Reply) -> Value {
    let took = reply.pause.as_nanos() as u64 * reply.tokens as u64;
    json!({
        "model": reply.model, "created_at": CREATED, "done": true,
        "done_reason": if reply.is_cut { "length" } else { "stop" },
        "total_duration": took + 2_000_000, "load_duration": 1_000_000,
        "prompt_eval_count": reply.input_tokens, "prompt_eval_duration": 1_000_000,
        "eval_count": reply.output_tokens(), "eval_duration": took,
    })
}

fn error_response(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"error": message}))).into_response()
}
