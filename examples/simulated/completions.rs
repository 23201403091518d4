use std::time::Duration;

use axum::{body::Bytes, extract::State, http::StatusCode, response::Response};
use serde_json::{Value, json};

use super::{
    model::{Answer, COMPLAINT},
    openai::{CREATED, choices, error, refused, request, usage},
    stream::{SSE, Script, data, whole},
};

pub(crate) async fn completions(State(pace): State<Duration>, body: Bytes) -> Response {
    let (request, model) = match request(&body) {
        Ok(request) => request,
        Err(complaint) => return refused(StatusCode::BAD_REQUEST, complaint),
    };
    // The default of this old interface.
    let limit = request["max_tokens"].as_u64().unwrap_or(16);
    let answer = Answer::new(&model, &body, Some(limit), pace);
    let (is_stream, n) = (request["stream"] == true, choices(&request));
    if let Some(status) = answer.error_status(is_stream) {
        return refused(status, COMPLAINT);
    }
    let reason = if answer.is_cut { "length" } else { "stop" };
    if !is_stream {
        let text = answer.text();
        let mut completion = completion(&answer, (0..n).map(|i| choice(i, &text, Some(reason))));
        completion["usage"] = usage(&answer, n);
        return whole(&answer, completion).await;
    }

    let mut end: Vec<Bytes> =
        (0..n).map(|index| data(&completion(&answer, [choice(index, "", Some(reason))]))).collect();
    if request["stream_options"]["include_usage"] == true {
        let mut last = completion(&answer, []);
        last["usage"] = usage(&answer, n);
        end.push(data(&last));
    }
    end.push(Bytes::from_static(b"data: [DONE]\n\n"));
    let of = answer.clone();
    let tokens = answer.words().flat_map(move |word| {
        let of = of.clone();
        (0..n).map(move |index| data(&completion(&of, [choice(index, word, None)])))
    });
    let fault = error(StatusCode::INTERNAL_SERVER_ERROR, COMPLAINT);
    Script { begin: Vec::new(), tokens, end, error: vec![data(&fault)] }.play(&answer, SSE, 0)
}

fn completion(answer: &Answer, choices: impl IntoIterator<Item = Value>) -> Value {
    let choices: Vec<Value> = choices.into_iter().collect();
    json!({
        "id": format!("cmpl-{:024}", answer.id), "object": "text_completion", "created": CREATED,
        "model": answer.model, "choices": choices,
    })
}

fn choice(index: u64, text: &str, finish_reason: Option<&str>) -> Value {
    json!({"text": text, "index": index, "logprobs": null, "finish_reason": finish_reason})
}
