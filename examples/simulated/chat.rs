use std::time::Duration;

use axum::{body::Bytes, extract::State, http::StatusCode, response::Response};
use serde_json::{Value, json};

use super::{
    model::{ARGUMENTS, ERROR_MESSAGE, Reply},
    openai::{CREATED, choices, error, error_response, request, usage},
    refusals,
    stream::{EventScript, SSE, data, whole},
    thought::THOUGHT,
};

pub(crate) async fn completions(State(pace): State<Duration>, body: Bytes) -> Response {
    let (request, model) = match request(&body) {
        Ok(request) => request,
        Err(message) => return error_response(StatusCode::BAD_REQUEST, message),
    };
    let limit = &request["max_completion_tokens"];
    let limit = limit.as_u64().or_else(|| request["max_tokens"].as_u64());
    let thinks = model.starts_with("reasoner");
    if let Err(message) = refusals::chat(&request, thinks) {
        return error_response(StatusCode::BAD_REQUEST, &message);
    }
    let reply = Reply::new(&model, &body, limit, pace).calling(tool(&request)).thinking(thinks);
    let (is_stream, n) = (request["stream"] == true, choices(&request));
    if let Some(status) = reply.error_status(is_stream) {
        return error_response(status, ERROR_MESSAGE);
    }
    if is_stream {
        let with_usage = request["stream_options"]["include_usage"] == true;
        return script(&reply, n, with_usage).play(&reply, SSE, 0);
    }
    let mut completion = completion(&reply, "chat.completion");
    let choice = |index| {
        let mut message = json!({"role": "assistant", "content": reply.text(), "refusal": null});
        if reply.thinks {
            message["reasoning_content"] = THOUGHT.into();
        }
        if let Some(tool) = &reply.tool {
            message["tool_calls"] = json!([call(&reply, index, tool, &ARGUMENTS.concat())]);
        }
        json!({
            "index": index, "message": message, "logprobs": null,
            "finish_reason": finish_reason(&reply),
        })
    };
    completion["choices"] = (0..n).map(choice).collect();
    completion["usage"] = usage(&reply, n);
    whole(&reply, completion).await
}

/// Returns the tool to call: the first, unless the last message is a tool's result.
fn tool(request: &Value) -> Option<&str> {
    let last = request["messages"].as_array()?.last()?;
    request["tools"][0]["function"]["name"].as_str().filter(|_| last["role"] != "tool")
}

fn script(
    reply: &Reply,
    n: u64,
    with_usage: bool,
) -> EventScript<impl Iterator<Item = Bytes> + Send + use<>> {
    let head = {
        let mut head = completion(reply, "chat.completion.chunk");
        if with_usage {
            head["usage"] = Value::Null;
        }
        head
    };
    let chunk = move |index: u64, delta: Value, finish_reason: Option<&str>| {
        let mut chunk = head.clone();
        let choice = json!({
            "index": index, "delta": delta, "logprobs": null, "finish_reason": finish_reason,
        });
        chunk["choices"] = json!([choice]);
        data(&chunk)
    };

    let role = json!({"role": "assistant", "content": "", "refusal": null});
    let mut begin: Vec<_> = (0..n).map(|index| chunk(index, role.clone(), None)).collect();
    if reply.thinks {
        let thought = json!({"reasoning_content": THOUGHT});
        begin.extend((0..n).map(|index| chunk(index, thought.clone(), None)));
    }
    let mut end = Vec::new();
    for index in 0..n {
        if let Some(tool) = &reply.tool {
            let mut first = call(reply, index, tool, "");
            first["index"] = 0.into();
            end.push(chunk(index, json!({"tool_calls": [first]}), None));
            for part in ARGUMENTS {
                let call = json!({"index": 0, "function": {"arguments": part}});
                end.push(chunk(index, json!({"tool_calls": [call]}), None));
            }
        }
        end.push(chunk(index, json!({}), Some(finish_reason(reply))));
    }
    if with_usage {
        let mut last = completion(reply, "chat.completion.chunk");
        last["usage"] = usage(reply, n);
        end.push(data(&last));
    }
    end.push(Bytes::from_static(b"data: [DONE]\n\n"));
    let fault = error(StatusCode::INTERNAL_SERVER_ERROR, ERROR_MESSAGE);
    let tokens = reply.text_tokens().flat_map(move |token| {
        let chunk = chunk.clone();
        (0..n).map(move |index| chunk(index, json!({"content": token}), None))
    });
    EventScript { begin, tokens, end, error: vec![data(&fault)] }
}

/// Returns a completion or a chunk without choices.
fn completion(reply: &Reply, object: &str) -> Value {
    json!({
        "id": format!("chatcmpl-{:024}", reply.id), "object": object, "created": CREATED,
        "model": reply.model, "system_fingerprint": "fp_simulated", "choices": [],
    })
}

fn call(reply: &Reply, choice: u64, tool: &str, arguments: &str) -> Value {
    json!({
        "id": format!("call_{:020}{choice:04}", reply.id), "type": "function",
        "function": {"name": tool, "arguments": arguments},
    })
}

fn finish_reason(reply: &Reply) -> &'static str {
    match reply.tool {
        Some(_) => "tool_calls",
        None if reply.is_cut => "length",
        None => "stop",
    }
}
