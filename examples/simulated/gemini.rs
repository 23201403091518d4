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
    model::{Answer, COMPLAINT},
    stream::{Script, whole},
};

/// `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent`
pub(crate) async fn generate_content(
    State(pace): State<Duration>,
    Path(call): Path<String>,
    uri: Uri,
    body: Bytes,
) -> Response {
    let (model, is_stream) = match call.rsplit_once(':') {
        Some((model, "generateContent")) => (model, false),
        Some((model, "streamGenerateContent")) => (model, true),
        _ => return refused(StatusCode::NOT_FOUND, "no such method"),
    };
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        return refused(StatusCode::BAD_REQUEST, "Invalid JSON payload received.");
    };
    let config = &request["generationConfig"];
    let limit = config["maxOutputTokens"].as_u64();
    let candidates = config["candidateCount"].as_u64().unwrap_or(1).clamp(1, 8);
    let answer = Answer::new(model, &body, limit, pace).calling(tool(&request));
    if let Some(status) = answer.error_status(is_stream) {
        return refused(status, COMPLAINT);
    }
    if !is_stream {
        let response = response(&answer, 0..candidates, &answer.text(), true, answer.tokens);
        return whole(&answer, response).await;
    }
    let is_sse = uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "alt=sse"));
    if is_sse {
        script(&answer, candidates, Framing::SSE).play(&answer, "text/event-stream", 0)
    } else {
        script(&answer, candidates, Framing::ARRAY).play(
            &answer,
            "application/json; charset=UTF-8",
            0,
        )
    }
}

/// The tool to call: the first, unless the last content brings a tool's result.
fn tool(request: &Value) -> Option<&str> {
    let last = request["contents"].as_array()?.last()?;
    let mut parts = last["parts"].as_array().into_iter().flatten();
    let has_result = parts.any(|part| part.get("functionResponse").is_some());
    request["tools"][0]["functionDeclarations"][0]["name"].as_str().filter(|_| !has_result)
}

/// What stands around the objects of a stream.
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
    answer: &Answer,
    candidates: u64,
    framing: Framing,
) -> Script<impl Iterator<Item = Bytes> + Send + use<>> {
    let of = answer.clone();
    let tokens = answer.words().enumerate().flat_map(move |(number, word)| {
        let of = of.clone();
        (0..candidates).map(move |candidate| {
            let chunk = response(&of, candidate..candidate + 1, word, false, number + 1);
            framing.object(number == 0 && candidate == 0, &chunk)
        })
    });
    let last = response(answer, 0..candidates, "", true, answer.tokens);
    let fault = error(StatusCode::INTERNAL_SERVER_ERROR, COMPLAINT);
    Script {
        begin: Vec::new(),
        tokens,
        end: framing.end(answer.tokens == 0, &last),
        error: framing.end(answer.tokens < 2, &fault),
    }
}

fn response(
    answer: &Answer,
    candidates: std::ops::Range<u64>,
    text: &str,
    is_last: bool,
    tokens: usize,
) -> Value {
    let candidate = |index| {
        let mut parts = vec![json!({"text": text})];
        if let (true, Some(tool)) = (is_last, &answer.tool) {
            parts.push(json!({"functionCall": {"name": tool, "args": {"city": "Paris"}}}));
        }
        let content = json!({"parts": parts, "role": "model"});
        let mut candidate = json!({"content": content, "index": index});
        if is_last {
            candidate["finishReason"] = if answer.is_cut { "MAX_TOKENS" } else { "STOP" }.into();
        }
        candidate
    };
    let output = if is_last { answer.output_tokens() } else { tokens as u64 };
    json!({
        "candidates": candidates.map(candidate).collect::<Vec<_>>(),
        "usageMetadata": {
            "promptTokenCount": answer.input_tokens, "candidatesTokenCount": output,
            "totalTokenCount": answer.input_tokens + output,
        },
        "modelVersion": answer.model, "responseId": format!("gemini{:08}", answer.id),
    })
}

fn refused(status: StatusCode, message: &str) -> Response {
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
