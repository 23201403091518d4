//! Secrets and content in unusual places of HTTP calls, and bytes after an answer.

use std::{
    convert::Infallible,
    io::Write,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use support::http::{HELLO, Scripted, event_stream, json, post, read};
use tower::{Layer, service_fn};
use tower_llm_callbacks::{
    Callbacks, ContentCapture, EventData, HttpCallbackLayer, http_layer::RequestBody, on_event,
};

#[derive(Clone, Default)]
struct Records(Arc<Mutex<Vec<Value>>>);

impl Records {
    fn layer(&self) -> HttpCallbackLayer {
        let records = Arc::clone(&self.0);
        let handler = on_event(move |run, event| {
            records.lock().unwrap().push(serde_json::to_value(event.record(run)).unwrap());
        });
        HttpCallbackLayer::new(Callbacks::new().inline(handler))
    }

    fn start(&self) -> Value {
        self.0.lock().unwrap().first().unwrap()["data"].clone()
    }

    fn terminal(&self) -> Value {
        self.0.lock().unwrap().last().unwrap().clone()
    }

    fn all(&self) -> String {
        format!("{:?}", self.0.lock().unwrap())
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

async fn call<B>(layer: &HttpCallbackLayer, request: Request<B>, answer: Response<Scripted>)
where
    B: Body + 'static,
    B::Error: Into<tower::BoxError>,
{
    let answer = Mutex::new(Some(answer));
    let service = layer.layer(service_fn(|request: Request<RequestBody<B>>| {
        let answer = answer.lock().unwrap().take().unwrap();
        async move {
            let _ = request.into_body().collect().await;
            Ok::<_, Infallible>(answer)
        }
    }));
    let response = service.oneshot(request).await.unwrap();
    let _ = read(response.into_body()).await;
}

/// OpenAI's 401 quotes a part of the key.
#[tokio::test]
async fn keys_in_a_providers_message_are_redacted() {
    let message = "Incorrect API key provided: sk-proj-CANARY12. See https://h/?key=CANARY";
    for (status, body) in [
        (
            401,
            serde_json::json!({"error": {"message": message, "code": "invalid_api_key"}})
                .to_string(),
        ),
        (
            200,
            serde_json::json!({"type": "error", "error": {"type": "x", "message": message}})
                .to_string(),
        ),
    ] {
        let records = Records::default();
        let answer = json(status, Scripted::chunks([body]));
        call(&records.layer(), support::http::prompt(), answer).await;
        assert_eq!(records.terminal()["data"]["error"]["kind"], "provider");
        assert!(!records.all().contains("CANARY"), "{}", records.all());
    }
}

/// Azure's "on your data", https://learn.microsoft.com/azure/ai-services/openai/references/on-your-data
#[tokio::test]
async fn keys_in_a_request_body_are_redacted() {
    let body = serde_json::json!({
        "model": "m", "messages": [],
        "data_sources": [
            {"type": "azure_search", "parameters": {"authentication": {"type": "api_key", "key": "CANARY"}}},
            {"type": "mongo_db", "parameters": {"authentication": {"type": "connection_string", "connection_string": "AccountKey=CANARY"}}},
            {"type": "elasticsearch", "parameters": {"authentication": {"type": "key_and_key_id", "key": "CANARY", "key_id": "1"}}},
        ],
        "extra_headers": {"X-Custom": "CANARY"},
        "tools": [{"type": "file_search", "filters": {"type": "eq", "key": "region", "value": "us"}}],
    });
    let records = Records::default();
    let request = Request::post("/openai/deployments/d/chat/completions?api-version=1");
    let request = request.body(Full::<Bytes>::from(body.to_string())).unwrap();
    call(&records.layer(), request, json(200, Scripted::chunks(["{}"]))).await;
    let start = records.start();
    assert!(!start.to_string().contains("CANARY"), "{start}");
    assert_eq!(start["params"]["tools"], body["tools"]);
}

#[tokio::test]
async fn with_content_off_parameters_are_words_only() {
    let records = Records::default();
    let body = r#"{"model":"m","messages":[],"stop":"and then the butler","service_tier":"auto"}"#;
    let layer = records.layer().content(ContentCapture::Off);
    call(&layer, post(Full::<Bytes>::from(body)), json(200, Scripted::chunks(["{}"]))).await;
    let params = records.start()["params"].clone();
    assert_eq!(params, serde_json::json!({"service_tier": "auto"}));
}

/// Bytes after the end are not decoded.
#[tokio::test]
async fn padding_after_a_compressed_answer_is_not_skipped_content() {
    let mut body = gzip(HELLO.concat().as_bytes());
    body.extend_from_slice(&[0; 32]);
    let records = Records::default();
    let mut answer = event_stream(Scripted::chunks([body]));
    answer.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    call(&records.layer(), support::http::prompt(), answer).await;
    let terminal = records.terminal();
    assert_eq!(terminal["event"], "llm_end");
    assert_eq!(terminal["data"].get("decode_skipped"), None, "{terminal}");
}

/// A provider may send arbitrary text in fields for words.
#[tokio::test]
async fn with_content_off_provider_fields_are_words_only() {
    let quoted = "it was said by the user";
    let body = serde_json::json!({
        "type": "message", "id": "i", "model": "m", "content": [], "stop_reason": quoted,
        "usage": {"input_tokens": 1, "service_tier": "standard", "note": quoted, "more": [quoted]},
    });
    let records = Records::default();
    let layer = records.layer().content(ContentCapture::Off);
    call(&layer, support::http::prompt(), json(200, Scripted::chunks([body.to_string()]))).await;
    let terminal = records.terminal();
    assert!(!terminal.to_string().contains(quoted), "{terminal}");
    assert_eq!(terminal["data"]["usage_raw"]["service_tier"], "standard");
    assert_eq!(terminal["data"]["usage"]["input_tokens"], 1);

    let records = Records::default();
    let layer = records.layer().content(ContentCapture::Off);
    let body = serde_json::json!({"error": {"message": quoted, "code": quoted, "type": "t"}});
    call(&layer, support::http::prompt(), json(400, Scripted::chunks([body.to_string()]))).await;
    assert!(!records.all().contains(quoted), "{}", records.all());
}

/// An endless answer is kept up to the bound, and flagged.
#[tokio::test]
async fn an_endless_text_is_kept_up_to_the_bound() {
    let piece = "x".repeat(1 << 20);
    let event = serde_json::json!({"type": "content_block_delta", "index": 0,
        "delta": {"type": "text_delta", "text": piece}});
    let event = format!("data: {event}\n\n");
    let frames = std::iter::repeat_n(event, 70).chain([HELLO[HELLO.len() - 1].to_owned()]);
    let lengths = Arc::new(Mutex::new((0, None)));
    let seen = Arc::clone(&lengths);
    let handler = on_event(move |_run, event| {
        let mut seen = seen.lock().unwrap();
        match event.data() {
            EventData::LlmNewToken(token) => seen.0 += token.text().len(),
            EventData::LlmEnd(result) => seen.1 = Some(Arc::clone(result)),
            _ => {}
        }
    });
    let layer = HttpCallbackLayer::new(Callbacks::new().inline(handler));
    call(&layer, support::http::prompt(), event_stream(Scripted::chunks(frames))).await;
    let seen = lengths.lock().unwrap();
    let result = seen.1.as_ref().unwrap();
    assert_eq!((seen.0, result.text().len()), (64 << 20, 64 << 20));
    assert_eq!(result.tokens, 70);
    assert!(result.decode_skipped);
}
