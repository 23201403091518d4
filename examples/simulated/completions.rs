use std::time::Duration;

use axum::{body::Bytes, extract::State, http::StatusCode, response::Response};
use serde_json::{Value, json};

use super::{
    model::{ERROR_MESSAGE, Reply},
    openai::{CREATED, choices, error, error_response, request, usage},
    stream::{EventScript, SSE, data, whole},
};

pub(crate) async fn completions(State(pace): State<Duration>, body: Bytes) -> Response {
    let (request, model) = match request(&body) {
        Ok(request) => request,
        Err(message) => return error_response(StatusCode::BAD_REQUEST, message),
    };
    // The default of this legacy endpoint.
    let limit = request["max_tokens"].as_u64().unwrap_or(16);
    let reply = Reply::new(&model, &body, Some(limit), pace);
    let (is_stream, n) = (request["stream"] == true, choices(&request));
    if let Some(status) = reply.error_status(is_stream) {
        return error_response(status, ERROR_MESSAGE);
    }
    let reason = if reply.is_cut { "length" } else { "stop" };
    if !is_stream {
        let text = reply.text();
        let mut completion = completion(&reply, (0..n).map(|i| choice(i, &text, Some(reason))));
        completion["usage"] = usage(&reply, n);
        return whole(&reply, completion).await;
    }

    let mut end: Vec<Bytes> =
        (0..n).map(|index| data(&completion(&reply, [choice(index, "", Some(reason))]))).collect();
    if request["stream_options"]["include_usage"] == true {
        let mut last = completion(&reply, []);
        last["usage"] = usage(&reply, n);
        end.push(data(&last));
    }
    end.push(Bytes::from_static(b"data: [DONE]\n\n"));
    let shared = reply.clone();
    let tokens = reply.text_tokens().flat_map(move |token| {
        let reply = shared.clone();
        (0..n).map(move |index| data(&completion(&reply, [choice(index, token, None)])))
    });
    let fault = error(StatusCode::INTERNAL_SERVER_ERROR, ERROR_MESSAGE);
    EventScript { begin: Vec::new(), tokens, end, error: vec![data(&fault)] }.play(&reply, SSE, 0)
}

fn completion(reply: &Reply, choices: impl IntoIterator<Item = Value>) -> Value {
    let choices: Vec<Value> = choices.into_iter().collect();
    json!({
        "id": format!("cmpl-{:024}", reply.id), "object": "text_completion", "created": CREATED,
        "model": reply.model, "choices": choices,
    })
}

fn choice(index: u64, text: &str, finish_reason: Option<&str>) -> Value {
    json!({"text": text, "index": index, "logprobs": null, "finish_reason": finish_reason})
}
