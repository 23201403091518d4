use std::time::Duration;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    model::{ERROR_MESSAGE, Reply},
    stream::{EventScript, whole},
};

/// Handles `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent`.
pub(crate) async fn generate_content(
    State(pace): State<Duration>,
    Path(call): Path<String>,
    uri: Uri,
    body: Bytes,
) -> Response {
    let (model, is_stream) = match call.rsplit_once(':') {
        Some((model, "generateContent")) => (model, false),
        Some((model, "streamGenerateContent")) => (model, true),
        _ => return error_response(StatusCode::NOT_FOUND, "no such method"),
    };
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        return error_response(StatusCode::BAD_REQUEST, "Invalid JSON payload received.");
    };
    let config = &request["generationConfig"];
    let limit = config["maxOutputTokens"].as_u64();
    let candidates = config["candidateCount"].as_u64().unwrap_or(1).clamp(1, 8);
    let reply = Reply::new(model, &body, limit, pace).calling(tool(&request));
    if let Some(status) = reply.error_status(is_stream) {
        return error_response(status, ERROR_MESSAGE);
    }
    if !is_stream {
        let response = response(&reply, 0..candidates, &reply.text(), true, reply.tokens);
        return whole(&reply, response).await;
    }
    let is_sse = uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "alt=sse"));
    if is_sse {
        script(&reply, candidates, Framing::SSE).play(&reply, "text/event-stream", 0)
    } else {
        script(&reply, candidates, Framing::ARRAY).play(
            &reply,
            "application/json; charset=UTF-8",
            0,
        )
    }
}

/// Returns the tool to call: the first, unless the last content contains a tool's result.
fn tool(request: &Value) -> Option<&str> {
    let last = request["contents"].as_array()?.last()?;
    let mut parts = last["parts"].as_array().into_iter().flatten();
    let has_result = parts.any(|part| part.get("functionResponse").is_some());
    request["tools"][0]["functionDeclarations"][0]["name"].as_str().filter(|_| !has_result)
}

/// The framing of the objects in a stream.
#[derive(Clone, Copy)]
struct Framing {
    first: &'static str,
    before: &'static str,
    after: &'static str,
    last: &'static str,
}

impl Framing {
    const SSE: Self = Self { first: "data: ", before: "data: ", after: "\r\n\r\n", last: "" };
    const ARRAY: Self = Self { first: "[", before: ",\r\n", after: "\n", last: "]" };

    fn object(self, is_first: bool, object: &Value) -> Bytes {
        let before = if is_first { self.first } else { self.before };
        format!("{before}{object}{}", self.after).into()
    }

    fn end(self, is_first: bool, object: &Value) -> Vec<Bytes> {
        vec![self.object(is_first, object), Bytes::from_static(self.last.as_bytes())]
    }
}

fn script(
    reply: &Reply,
    candidates: u64,
    framing: Framing,
) -> EventScript<impl Iterator<Item = Bytes> + Send + use<>> {
    let shared = reply.clone();
    let tokens = reply.text_tokens().enumerate().flat_map(move |(number, token)| {
        let reply = shared.clone();
        (0..candidates).map(move |candidate| {
            let chunk = response(&reply, candidate..candidate + 1, token, false, number + 1);
            framing.object(number == 0 && candidate == 0, &chunk)
        })
    });
    let last = response(reply, 0..candidates, "", true, reply.tokens);
    let fault = error(StatusCode::INTERNAL_SERVER_ERROR, ERROR_MESSAGE);
    EventScript {
        begin: Vec::new(),
        tokens,
        end: framing.end(reply.tokens == 0, &last),
        error: framing.end(reply.tokens < 2, &fault),
    }
}

fn response(
    reply: &Reply,
    candidates: std::ops::Range<u64>,
    text: &str,
    is_last: bool,
    tokens: usize,
) -> Value {
    let candidate = |index| {
        let mut parts = vec![json!({"text": text})];
        if let (true, Some(tool)) = (is_last, &reply.tool) {
            parts.push(json!({"functionCall": {"name": tool, "args": {"city": "Paris"}}}));
        }
        let content = json!({"parts": parts, "role": "model"});
        let mut candidate = json!({"content": content, "index": index});
        if is_last {
            candidate["finishReason"] = if reply.is_cut { "MAX_TOKENS" } else { "STOP" }.into();
        }
        candidate
    };
    let output = if is_last { reply.output_tokens() } else { tokens as u64 };
    json!({
        "candidates": candidates.map(candidate).collect::<Vec<_>>(),
        "usageMetadata": {
            "promptTokenCount": reply.input_tokens, "candidatesTokenCount": output,
            "totalTokenCount": reply.input_tokens + output,
        },
        "modelVersion": reply.model, "responseId": format!("gemini{:08}", reply.id),
    })
}

fn error_response(status: StatusCode, message: &str) -> Response {
    (status, Json(error(status, message))).into_response()
}

fn error(status: StatusCode, message: &str) -> Value {
    let name = match status.as_u16() {
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    };
    json!({"error": {"code": status.as_u16(), "message": message, "status": name}})
}
