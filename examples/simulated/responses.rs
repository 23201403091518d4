use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{StatusCode, Uri},
    response::Response,
};
use serde_json::{Value, json};

use super::{
    model::{ARGUMENTS, ERROR_MESSAGE, Reply},
    openai::{CREATED, error_response, request},
    refusals,
    stream::{EventScript, SSE, event, whole},
    thought::{HIDDEN, THOUGHT, seal},
};

/// Handles `POST /v1/responses`.
pub(crate) async fn create(State(pace): State<Duration>, body: Bytes) -> Response {
    let (request, model) = match request(&body) {
        Ok(request) => request,
        Err(message) => return error_response(StatusCode::BAD_REQUEST, message),
    };
    if let Err(message) = refusals::input(&request) {
        return error_response(StatusCode::BAD_REQUEST, &message);
    }
    let limit = request["max_output_tokens"].as_u64();
    let reply = Reply::new(&model, &body, limit, pace).calling(tool(&request));
    let reply = reply.thinking(request["reasoning"].is_object());
    let id = format!("resp_{:024}", reply.id);
    respond(&reply, &id, request["stream"] == true, 0).await
}

/// Handles `GET /v1/responses/{id}`: the same reply, streamed if `stream=true`, from the event after `starting_after` on.
pub(crate) async fn retrieve(
    State(pace): State<Duration>,
    Path(id): Path<String>,
    uri: Uri,
) -> Response {
    let query = uri.query().unwrap_or_default();
    let member =
        |name| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let after = member("starting_after").and_then(|number| number.parse::<usize>().ok());
    let reply = Reply::new("joker", b"", None, pace);
    let is_stream = member("stream") == Some("true");
    respond(&reply, &id, is_stream, after.map_or(0, |after| after.saturating_add(1))).await
}

async fn respond(reply: &Reply, id: &str, is_stream: bool, from: usize) -> Response {
    match reply.error_status(is_stream) {
        Some(status) => error_response(status, ERROR_MESSAGE),
        None if is_stream => script(reply, id).play(reply, SSE, from),
        None => whole(reply, ended(reply, id)).await,
    }
}

/// Returns the tool to call: the first, unless the input ends with a tool's result.
fn tool(request: &Value) -> Option<&str> {
    let last = request["input"].as_array().and_then(|items| items.last());
    let has_result = last.is_some_and(|item| item["type"] == "function_call_output");
    request["tools"][0]["name"].as_str().filter(|_| !has_result)
}

fn script(reply: &Reply, id: &str) -> EventScript<impl Iterator<Item = Bytes> + Send + use<>> {
    let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
    let started = response(reply, id, "in_progress");
    let mut begin = vec![
        json!({"type": "response.created", "response": started}),
        json!({"type": "response.in_progress", "response": started}),
    ];
    let at = usize::from(reply.thinks);
    if reply.thinks {
        let item = reasoning(reply);
        let mut begun = item.clone();
        begun["summary"] = json!([]);
        begin.push(json!({"type": "response.output_item.added", "output_index": 0, "item": begun}));
        begin.push(json!({"type": "response.reasoning_summary_text.delta", "item_id": item["id"],
            "output_index": 0, "summary_index": 0, "delta": THOUGHT}));
        begin.push(json!({"type": "response.output_item.done", "output_index": 0, "item": item}));
    }
    begin.push(json!({"type": "response.output_item.added", "output_index": at,
        "item": message(reply, None)}));
    begin.push(json!({"type": "response.content_part.added", "item_id": message_id(reply),
        "output_index": at, "content_index": 0, "part": part("")}));
    let begin = numbered(0, begin);
    let (first, item_id) = (begin.len(), message_id(reply));
    let tokens = reply.text_tokens().enumerate().map(move |(number, token)| {
        event(&json!({"type": "response.output_text.delta", "sequence_number": first + number,
            "item_id": item_id, "output_index": at, "content_index": 0, "delta": token, "logprobs": []}))
    });
    let text = reply.text();
    let mut end = vec![
        json!({"type": "response.output_text.done", "item_id": message_id(reply),
            "output_index": at, "content_index": 0, "text": text, "logprobs": []}),
        json!({"type": "response.content_part.done", "item_id": message_id(reply),
            "output_index": at, "content_index": 0, "part": part(&text)}),
        json!({"type": "response.output_item.done", "output_index": at,
            "item": message(reply, Some(&text))}),
    ];
    if let Some(tool) = &reply.tool {
        let (begun, whole) = (call(reply, tool, ""), call(reply, tool, &ARGUMENTS.concat()));
        end.push(
            json!({"type": "response.output_item.added", "output_index": at + 1, "item": begun}),
        );
        for delta in ARGUMENTS {
            end.push(json!({"type": "response.function_call_arguments.delta",
                "item_id": begun["id"], "output_index": at + 1, "delta": delta}));
        }
        end.push(json!({"type": "response.function_call_arguments.done", "name": tool,
            "item_id": begun["id"], "output_index": at + 1, "arguments": whole["arguments"]}));
        end.push(
            json!({"type": "response.output_item.done", "output_index": at + 1, "item": whole}),
        );
    }
    let status = status(reply);
    end.push(json!({"type": format!("response.{status}"), "response": ended(reply, id)}));

    let mut failed = response(reply, id, "failed");
    failed["error"] = json!({"code": "server_error", "message": ERROR_MESSAGE});
    EventScript {
        begin,
        tokens,
        end: numbered(first + reply.tokens, end),
        error: numbered(
            first + reply.tokens / 2,
            [json!({"type": "response.failed", "response": failed})],
        ),
    }
}

fn numbered(first: usize, events: impl IntoIterator<Item = Value>) -> Vec<Bytes> {
    let number = |(number, mut data): (usize, Value)| {
        data["sequence_number"] = (first + number).into();
        event(&data)
    };
    events.into_iter().enumerate().map(number).collect()
}

/// Returns a response without output.
fn response(reply: &Reply, id: &str, status: &str) -> Value {
    json!({
        "id": id, "object": "response", "created_at": CREATED, "status": status,
        "model": reply.model, "output": [], "error": null, "incomplete_details": null,
        "instructions": null, "metadata": {}, "parallel_tool_calls": true, "temperature": 1.0,
        "top_p": 1.0, "tool_choice": "auto", "tools": [], "usage": null,
    })
}

/// Returns a response with its output.
fn ended(reply: &Reply, id: &str) -> Value {
    let mut response = response(reply, id, status(reply));
    let mut output: Vec<Value> = reply.thinks.then(|| reasoning(reply)).into_iter().collect();
    output.push(message(reply, Some(&reply.text())));
    output.extend(reply.tool.as_ref().map(|tool| call(reply, tool, &ARGUMENTS.concat())));
    response["output"] = output.into();
    if reply.is_cut {
        response["incomplete_details"] = json!({"reason": "max_output_tokens"});
    }
    response["usage"] = json!({
        "input_tokens": reply.input_tokens, "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": reply.output_tokens(), "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": reply.total_tokens(),
    });
    response
}

fn status(reply: &Reply) -> &'static str {
    if reply.is_cut { "incomplete" } else { "completed" }
}

fn message(reply: &Reply, text: Option<&str>) -> Value {
    let content = text.map(|text| json!({"type": "output_text", "text": text, "annotations": []}));
    let status = if text.is_some() { status(reply) } else { "in_progress" };
    json!({"id": message_id(reply), "type": "message", "role": "assistant", "status": status,
        "content": content.into_iter().collect::<Vec<_>>()})
}

fn message_id(reply: &Reply) -> String {
    format!("msg_{:024}", reply.id)
}

/// Returns the item that must come back with a call: the number of its id begins with 9.
fn reasoning(reply: &Reply) -> Value {
    json!({"id": format!("rs_{}", number(reply)), "type": "reasoning",
        "summary": [{"type": "summary_text", "text": THOUGHT}], "encrypted_content": seal(HIDDEN)})
}

/// Returns the number in the ids of items that belong together.
fn number(reply: &Reply) -> String {
    format!("{}{:023}", if reply.thinks { 9 } else { 0 }, reply.id)
}

fn call(reply: &Reply, tool: &str, arguments: &str) -> Value {
    let status = if arguments.is_empty() { "in_progress" } else { "completed" };
    json!({"id": format!("fc_{}", number(reply)), "call_id": format!("call_{:024}", reply.id),
        "type": "function_call", "name": tool, "arguments": arguments, "status": status})
}
