use std::time::Duration;

use axum::{body::Bytes, extract::State, http::StatusCode, response::Response};
use serde_json::{Value, json};

use super::{
    model::{ARGUMENTS, Answer, COMPLAINT},
    openai::{CREATED, choices, error, refused, request, usage},
    stream::{SSE, Script, data, whole},
};

pub(crate) async fn completions(State(pace): State<Duration>, body: Bytes) -> Response {
    let (request, model) = match request(&body) {
        Ok(request) => request,
        Err(complaint) => return refused(StatusCode::BAD_REQUEST, complaint),
    };
    let limit = &request["max_completion_tokens"];
    let limit = limit.as_u64().or_else(|| request["max_tokens"].as_u64());
    let answer = Answer::new(&model, &body, limit, pace).calling(tool(&request));
    let (is_stream, n) = (request["stream"] == true, choices(&request));
    if let Some(status) = answer.error_status(is_stream) {
        return refused(status, COMPLAINT);
    }
    if is_stream {
        let with_usage = request["stream_options"]["include_usage"] == true;
        return script(&answer, n, with_usage).play(&answer, SSE, 0);
    }
    let mut completion = completion(&answer, "chat.completion");
    let choice = |index| {
        let mut message = json!({"role": "assistant", "content": answer.text(), "refusal": null});
        if let Some(tool) = &answer.tool {
            message["tool_calls"] = json!([call(&answer, index, tool, &ARGUMENTS.concat())]);
        }
        json!({
            "index": index, "message": message, "logprobs": null,
            "finish_reason": finish_reason(&answer),
        })
    };
    completion["choices"] = (0..n).map(choice).collect();
    completion["usage"] = usage(&answer, n);
    whole(&answer, completion).await
}

/// The tool to call: the first, unless the last message is a tool's result.
fn tool(request: &Value) -> Option<&str> {
    let last = request["messages"].as_array()?.last()?;
    request["tools"][0]["function"]["name"].as_str().filter(|_| last["role"] != "tool")
}

fn script(
    answer: &Answer,
    n: u64,
    with_usage: bool,
) -> Script<impl Iterator<Item = Bytes> + Send + use<>> {
    let head = {
        let mut head = completion(answer, "chat.completion.chunk");
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
    let begin = (0..n).map(|index| chunk(index, role.clone(), None)).collect();
    let mut end = Vec::new();
    for index in 0..n {
        if let Some(tool) = &answer.tool {
            let mut first = call(answer, index, tool, "");
            first["index"] = 0.into();
            end.push(chunk(index, json!({"tool_calls": [first]}), None));
            for part in ARGUMENTS {
                let call = json!({"index": 0, "function": {"arguments": part}});
                end.push(chunk(index, json!({"tool_calls": [call]}), None));
            }
        }
        end.push(chunk(index, json!({}), Some(finish_reason(answer))));
    }
    if with_usage {
        let mut last = completion(answer, "chat.completion.chunk");
        last["usage"] = usage(answer, n);
        end.push(data(&last));
    }
    end.push(Bytes::from_static(b"data: [DONE]\n\n"));
    let fault = error(StatusCode::INTERNAL_SERVER_ERROR, COMPLAINT);
    let tokens = answer.words().flat_map(move |word| {
        let chunk = chunk.clone();
        (0..n).map(move |index| chunk(index, json!({"content": word}), None))
    });
    Script { begin, tokens, end, error: vec![data(&fault)] }
}

/// A completion or a chunk of one, without choices.
fn completion(answer: &Answer, object: &str) -> Value {
    json!({
        "id": format!("chatcmpl-{:024}", answer.id), "object": object, "created": CREATED,
        "model": answer.model, "system_fingerprint": "fp_simulated", "choices": [],
    })
}

fn call(answer: &Answer, choice: u64, tool: &str, arguments: &str) -> Value {
    json!({
        "id": format!("call_{:020}{choice:04}", answer.id), "type": "function",
        "function": {"name": tool, "arguments": arguments},
    })
}

fn finish_reason(answer: &Answer) -> &'static str {
    match answer.tool {
        Some(_) => "tool_calls",
        None if answer.is_cut => "length",
        None => "stop",
    }
}
