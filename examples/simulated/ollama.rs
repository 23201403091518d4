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
    model::{Answer, COMPLAINT},
    stream::{Script, whole},
};

const CREATED: &str = "2026-01-01T00:00:00.000000Z";

/// How an object brings a piece of text, and perhaps a tool call.
type Put = fn(&mut Value, &str, Option<&str>);

/// `POST /api/chat`
pub(crate) async fn chat(State(pace): State<Duration>, body: Bytes) -> Response {
    answer(pace, &body, |object, text, tool| {
        object["message"] = json!({"role": "assistant", "content": text});
        if let Some(tool) = tool {
            let function = json!({"name": tool, "arguments": {"city": "Paris"}});
            object["message"]["tool_calls"] = json!([{"function": function}]);
        }
    })
    .await
}

/// `POST /api/generate`
pub(crate) async fn generate(State(pace): State<Duration>, body: Bytes) -> Response {
    answer(pace, &body, |object, text, _| object["response"] = text.into()).await
}

async fn answer(pace: Duration, body: &[u8], put: Put) -> Response {
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        return refused(StatusCode::BAD_REQUEST, "invalid JSON");
    };
    let Some(model) = request["model"].as_str() else {
        return refused(StatusCode::BAD_REQUEST, "model is required");
    };
    let limit = request["options"]["num_predict"].as_u64();
    let answer = Answer::new(model, body, limit, pace).calling(tool(&request));
    // Unlike with the others, no word about it means a stream.
    let is_stream = request["stream"] != false;
    if let Some(status) = answer.error_status(is_stream) {
        return refused(status, COMPLAINT);
    }
    if !is_stream {
        let mut object = last(&answer);
        put(&mut object, &answer.text(), answer.tool.as_deref());
        return whole(&answer, object).await;
    }

    let mut end = Vec::new();
    if let Some(tool) = &answer.tool {
        let mut object = part(&answer.model);
        put(&mut object, "", Some(tool));
        end.push(line(&object));
    }
    let mut last = last(&answer);
    put(&mut last, "", None);
    end.push(line(&last));
    let of = answer.model.clone();
    let tokens = answer.words().map(move |word| {
        let mut object = part(&of);
        put(&mut object, word, None);
        line(&object)
    });
    let error = vec![line(&json!({"error": COMPLAINT}))];
    Script { begin: Vec::new(), tokens, end, error }.play(&answer, "application/x-ndjson", 0)
}

/// The tool to call: the first, unless the last message is a tool's result.
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

fn last(answer: &Answer) -> Value {
    let took = answer.pause.as_nanos() as u64 * answer.tokens as u64;
    json!({
        "model": answer.model, "created_at": CREATED, "done": true,
        "done_reason": if answer.is_cut { "length" } else { "stop" },
        "total_duration": took + 2_000_000, "load_duration": 1_000_000,
        "prompt_eval_count": answer.input_tokens, "prompt_eval_duration": 1_000_000,
        "eval_count": answer.output_tokens(), "eval_duration": took,
    })
}

fn refused(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"error": message}))).into_response()
}
