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
    model::{ARGUMENTS, ERROR_MESSAGE, Reply},
    refusals,
    stream::{EventScript, SSE, event, whole},
    thought::{HIDDEN, THOUGHT, seal, sign},
};

pub(crate) async fn messages(State(pace): State<Duration>, body: Bytes) -> Response {
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        return error_response(StatusCode::BAD_REQUEST, "The request body is not valid JSON");
    };
    let Some(model) = request["model"].as_str() else {
        return error_response(StatusCode::BAD_REQUEST, "model: Field required");
    };
    let Some(limit) = request["max_tokens"].as_u64() else {
        return error_response(StatusCode::BAD_REQUEST, "max_tokens: Field required");
    };
    let thinks = matches!(request["thinking"]["type"].as_str(), Some("enabled" | "adaptive"));
    if let Err(message) = refusals::messages(&request, thinks) {
        return error_response(StatusCode::BAD_REQUEST, &message);
    }
    let reply =
        Reply::new(model, &body, Some(limit), pace).calling(tool(&request)).thinking(thinks);
    let is_stream = request["stream"] == true;
    if let Some(status) = reply.error_status(is_stream) {
        return error_response(status, ERROR_MESSAGE);
    }
    if is_stream {
        return script(&reply).play(&reply, SSE, 0);
    }
    let mut message = message(&reply);
    let mut content = thoughts(&reply);
    content.push(json!({"type": "text", "text": reply.text()}));
    message["content"] = content.into();
    if let (Some(content), Some(tool)) = (message["content"].as_array_mut(), &reply.tool) {
        let input = json!({"city": "Paris"});
        content
            .push(json!({"type": "tool_use", "id": tool_id(&reply), "name": tool, "input": input}));
    }
    message["stop_reason"] = stop_reason(&reply).into();
    message["usage"]["output_tokens"] = reply.output_tokens().into();
    whole(&reply, message).await
}

/// Returns the tool to call: the first, unless the last message contains a tool's result.
fn tool(request: &Value) -> Option<&str> {
    let last = request["messages"].as_array()?.last()?;
    let mut blocks = last["content"].as_array().into_iter().flatten();
    let has_result = blocks.any(|block| block["type"] == "tool_result");
    request["tools"][0]["name"].as_str().filter(|_| !has_result)
}

fn script(reply: &Reply) -> EventScript<impl Iterator<Item = Bytes> + Send + use<>> {
    let start = json!({"type": "text", "text": ""});
    let mut begin = vec![json!({"type": "message_start", "message": message(reply)})];
    let thoughts = thoughts(reply);
    let at = thoughts.len();
    for (index, mut block) in thoughts.into_iter().enumerate() {
        let mut deltas = Vec::new();
        if block["type"] == "thinking" {
            let (text, signature) = (block["thinking"].take(), block["signature"].take());
            (block["thinking"], block["signature"]) = ("".into(), "".into());
            deltas.push(json!({"type": "thinking_delta", "thinking": text}));
            deltas.push(json!({"type": "signature_delta", "signature": signature}));
        }
        begin.push(json!({"type": "content_block_start", "index": index, "content_block": block}));
        begin.extend(
            deltas.into_iter().map(
                |delta| json!({"type": "content_block_delta", "index": index, "delta": delta}),
            ),
        );
        begin.push(json!({"type": "content_block_stop", "index": index}));
    }
    begin.push(json!({"type": "content_block_start", "index": at, "content_block": start}));
    begin.push(json!({"type": "ping"}));
    let tokens = reply.text_tokens().map(move |text| {
        let delta = json!({"type": "text_delta", "text": text});
        event(&json!({"type": "content_block_delta", "index": at, "delta": delta}))
    });
    let mut end = vec![json!({"type": "content_block_stop", "index": at})];
    let at = at + 1;
    if let Some(tool) = &reply.tool {
        let start = json!({"type": "tool_use", "id": tool_id(reply), "name": tool, "input": {}});
        end.push(json!({"type": "content_block_start", "index": at, "content_block": start}));
        for part in ["", ARGUMENTS[0], ARGUMENTS[1]] {
            let delta = json!({"type": "input_json_delta", "partial_json": part});
            end.push(json!({"type": "content_block_delta", "index": at, "delta": delta}));
        }
        end.push(json!({"type": "content_block_stop", "index": at}));
    }
    let stop = json!({"stop_reason": stop_reason(reply), "stop_sequence": null});
    let usage = json!({"output_tokens": reply.output_tokens()});
    end.push(json!({"type": "message_delta", "delta": stop, "usage": usage}));
    end.push(json!({"type": "message_stop"}));

    let overloaded = json!({"type": "overloaded_error", "message": ERROR_MESSAGE});
    EventScript {
        begin: begin.iter().map(event).collect(),
        tokens,
        end: end.iter().map(event).collect(),
        error: vec![event(&json!({"type": "error", "error": overloaded}))],
    }
}

/// Returns the blocks before the text.
fn thoughts(reply: &Reply) -> Vec<Value> {
    if !reply.thinks {
        return Vec::new();
    }
    let thinking = json!({"type": "thinking", "thinking": THOUGHT, "signature": sign(THOUGHT)});
    vec![thinking, json!({"type": "redacted_thinking", "data": seal(HIDDEN)})]
}

/// Returns a message without content.
fn message(reply: &Reply) -> Value {
    json!({
        "id": format!("msg_{:024}", reply.id), "type": "message", "role": "assistant",
        "model": reply.model, "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": {
            "input_tokens": reply.input_tokens, "output_tokens": 1,
            "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
        },
    })
}

fn tool_id(reply: &Reply) -> String {
    format!("toolu_{:024}", reply.id)
}

fn stop_reason(reply: &Reply) -> &'static str {
    match reply.tool {
        Some(_) => "tool_use",
        None if reply.is_cut => "max_tokens",
        None => "end_turn",
    }
}

fn error_response(status: StatusCode, message: &str) -> Response {
    let kind = match status.as_u16() {
        401 => "authentication_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    let error = json!({"type": kind, "message": message});
    (status, Json(json!({"type": "error", "error": error, "request_id": "req_1"}))).into_response()
}
