//! Embeddings, ranking, pictures, speech and moderation through the layer: what its records say, and that all else is as it
//! was.

use std::{
    fs,
    io::Write as _,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response, header::CONTENT_ENCODING};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use support::http::Scripted;
use support::recordings::{folder, read_json};
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    Abort, Callbacks, ContentCapture, HttpCallbackLayer, Run, http_layer::RequestBody, on_event,
};

const JSON: &str = "application/json";

/// A call and its answer.
#[derive(Clone)]
struct Exchange {
    target: String,
    request: (String, Bytes),
    status: u16,
    answer: (String, Bytes),
    gzip: bool,
}

impl Exchange {
    fn new(target: &str, request: &Value, answer: &Value) -> Self {
        Self {
            target: target.to_owned(),
            request: (JSON.to_owned(), request.to_string().into()),
            status: 200,
            answer: (JSON.to_owned(), answer.to_string().into()),
            gzip: false,
        }
    }

    fn of_type(mut self, content_type: &str, answer: impl Into<Bytes>) -> Self {
        self.answer = (content_type.to_owned(), answer.into());
        self
    }

    fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    fn gzip(mut self) -> Self {
        let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        coder.write_all(&self.answer.1).unwrap();
        self.answer.1 = coder.finish().unwrap().into();
        self.gzip = true;
        self
    }

    /// Sends the call through the layer. Asserts that neither body is changed. Returns the records.
    async fn send(&self, layer: impl Fn(HttpCallbackLayer) -> HttpCallbackLayer) -> Vec<Value> {
        let (records, keep) = records();
        let layer = layer(HttpCallbackLayer::new(keep));
        let exchange = self.clone();
        let server = service_fn(move |request: Request<RequestBody<Full<Bytes>>>| {
            let exchange = exchange.clone();
            async move {
                let sent = request.into_body().collect().await.unwrap().to_bytes();
                assert_eq!(sent, exchange.request.1);
                let (kind, body) = exchange.answer;
                let mut response =
                    Response::builder().status(exchange.status).header("content-type", kind);
                if exchange.gzip {
                    response = response.header(CONTENT_ENCODING, "gzip");
                }
                let pieces: Vec<Bytes> = body.chunks(700).map(Bytes::copy_from_slice).collect();
                Ok::<_, BoxError>(response.body(Scripted::chunks(pieces)).unwrap())
            }
        });
        let (kind, body) = &self.request;
        let request = Request::post(&self.target).header("content-type", kind);
        let request = request.body(Full::from(body.clone())).unwrap();
        let response = layer.layer(server).oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), self.status);
        let received = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(received, self.answer.1);
        records.lock().unwrap().clone()
    }

    async fn records(&self) -> Vec<Value> {
        self.send(|layer| layer).await
    }
}

/// Returns records of events, and the callbacks that collect them.
fn records() -> (Arc<Mutex<Vec<Value>>>, Callbacks) {
    let records = Arc::<Mutex<Vec<Value>>>::default();
    let keep = Arc::clone(&records);
    let handler = on_event(move |run, event| {
        keep.lock().unwrap().push(serde_json::to_value(event.record(run)).unwrap());
    });
    (records, Callbacks::new().inline(handler))
}

fn embeddings() -> Exchange {
    let vector: Value = (0..700).map(|at| json!(f64::from(at) / 1e6)).collect();
    let items = json!([{"embedding": vector, "index": 0}, {"embedding": vector, "index": 1}]);
    Exchange::new(
        "https://api.mistral.ai/v1/embeddings",
        &json!({"model": "mistral-embed", "input": ["one", "two"], "encoding_format": "float"}),
        &json!({"id": "e1", "data": items, "model": "mistral-embed-2", "usage": {"prompt_tokens": 4, "total_tokens": 4, "completion_tokens": 0}}),
    )
}

#[tokio::test]
async fn records_say_what_was_embedded() {
    let records = embeddings().records().await;
    let [start, end] = &*records else { panic!("{records:#?}") };
    assert_eq!(
        (&start["event"], &start["run_type"]),
        (&json!("embedding_start"), &json!("embedding"))
    );
    for (name, value) in [
        ("provider", json!("mistral_ai")),
        ("api", json!("embeddings")),
        ("model", json!("mistral-embed")),
        ("params", json!({"encoding_format": "float"})),
        ("inputs", json!(2)),
        ("input", json!(["one", "two"])),
    ] {
        assert_eq!(start["data"][name], value, "{name}");
    }
    assert_eq!(end["event"], "embedding_end");
    for (name, value) in [
        ("model", json!("mistral-embed-2")),
        ("response_id", json!("e1")),
        ("outputs", json!(2)),
        ("dimensions", json!(700)),
        ("decode_faults", json!(0)),
    ] {
        assert_eq!(end["data"][name], value, "{name}");
    }
    let usage = &end["data"]["usage"];
    assert_eq!((&usage["input_tokens"], &usage["total_tokens"]), (&json!(4), &json!(4)));
    assert_eq!(usage["source"]["input"], "reported");
    assert!(end["data"]["duration_ms"].is_number());
    assert!(records.iter().all(|record| record.to_string().len() < 3000), "vectors are kept");
}

#[tokio::test]
async fn content_that_is_not_captured_is_null() {
    let off = |layer: HttpCallbackLayer| layer.content(ContentCapture::Off);
    let records = embeddings().send(off).await;
    let data = &records[0]["data"];
    assert_eq!((&data["input"], &data["inputs"]), (&Value::Null, &json!(2)));
    assert_eq!(records[1]["data"]["dimensions"], 700);
    let transcript =
        Exchange::new("/v1/audio/transcriptions", &json!({}), &json!({"text": "CANARY"}));
    assert!(!json!(transcript.send(off).await).to_string().contains("CANARY"));
}

/// Vectors and pictures are content that is captured only if the layer is asked to.
#[tokio::test]
async fn outputs_are_captured_if_asked_for() {
    let asked = |layer: HttpCallbackLayer| layer.capture_outputs(true);
    let vector: Vec<f64> = (0..700).map(|at| f64::from(at) / 8.0).collect();
    let packed = "QUJD".repeat(400);
    let picture = json!({"b64_json": packed, "revised_prompt": "a cat"});
    let drawn = json!({"type": "image_generation.completed", "b64_json": packed, "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}});
    let (texts, none) = (json!({"texts": ["a"], "input_type": "x"}), json!({}));
    let hidden = "/model/arn:aws:bedrock:r:1:application-inference-profile%2Fa1/invoke";
    let item =
        |embedding: &Value| json!({"object": "embedding", "index": 0, "embedding": embedding});
    for (exchange, output) in [
        (
            Exchange::new(
                "/v1/embeddings",
                &json!({"input": "a"}),
                &json!({"data": [item(&json!(vector))], "model": "m"}),
            ),
            json!([item(&json!(vector))]),
        ),
        (
            Exchange::new(
                "/v1/embeddings",
                &json!({"input": "a"}),
                &json!({"data": [item(&json!(packed))]}),
            )
            .gzip(),
            json!([item(&json!(packed))]),
        ),
        (
            Exchange::new(
                "/v1beta/models/m:embedContent",
                &none,
                &json!({"embedding": {"values": vector}}),
            ),
            json!([{"values": vector}]),
        ),
        (
            Exchange::new("/api/embed", &none, &json!({"embeddings": [vector, [1]]})),
            json!([vector, [1]]),
        ),
        (Exchange::new("/api/embeddings", &none, &json!({"embedding": vector})), json!([vector])),
        (
            Exchange::new(
                "/v2/embed",
                &texts,
                &json!({"id": "e", "embeddings": {"float": [vector]}}),
            ),
            json!([{"float": [vector]}]),
        ),
        (
            Exchange::new(hidden, &texts, &json!({"embedding": vector, "inputTextTokenCount": 2})),
            json!([vector]),
        ),
        (
            Exchange::new(
                "/v2/rerank",
                &none,
                &json!({"results": [{"index": 1, "relevance_score": 0.5}]}),
            ),
            json!([{"index": 1, "relevance_score": 0.5}]),
        ),
        (
            Exchange::new(
                "/api/v1/services/embeddings/text-embedding/text-embedding",
                &none,
                &json!({"output": {"embeddings": [{"embedding": [1.5]}]}}),
            ),
            json!([{"embedding": [1.5]}]),
        ),
        (
            Exchange::new("/v1/images/generations", &none, &json!({"data": [picture]})),
            json!([picture]),
        ),
        (
            Exchange::new("/v1/images/generations", &json!({"stream": true}), &none)
                .of_type("text/event-stream", format!("data: {drawn}\n\n")),
            json!([{"b64_json": packed}]),
        ),
        (
            Exchange::new(
                "/v1/images/generations",
                &none,
                &json!({"data": [{"url": "https://h/p.png?sig=CANARY"}]}),
            ),
            json!([{"url": "https://h/p.png?[redacted]"}]),
        ),
    ] {
        let target = exchange.target.clone();
        let records = exchange.clone().send(asked).await;
        let end = records.last().unwrap();
        assert_eq!(end["data"]["output"], output, "{target}");
        // The numbers are the same as without.
        let plain = exchange.clone().send(|layer| layer).await.pop().unwrap();
        assert_eq!(plain["data"].get("output"), None, "{target}");
        for name in ["outputs", "dimensions", "usage", "model", "decode_faults"] {
            assert_eq!(end["data"].get(name), plain["data"].get(name), "{target} {name}");
        }
        let off =
            |layer: HttpCallbackLayer| layer.capture_outputs(true).content(ContentCapture::Off);
        assert_eq!(exchange.clone().send(off).await.pop().unwrap()["data"].get("output"), None);
        // What does not fit is left out.
        let some = |layer: HttpCallbackLayer| {
            layer.capture_outputs(true).content(ContentCapture::Limited(1000))
        };
        let kept = exchange.send(some).await.pop().unwrap()["data"]["output"].take();
        assert!(kept.to_string().len() < 1000, "{kept}");
    }
}

#[tokio::test]
async fn every_operation_ends_in_its_own_event() {
    let picture = format!(
        "data: {}\n\n",
        json!({"type": "image_generation.completed", "b64_json": "QUJD".repeat(9000), "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}})
    );
    let words = ["Hel", "lo"].map(|word| json!({"type": "transcript.text.delta", "delta": word}));
    let done = json!({"type": "transcript.text.done", "text": "Hello", "usage": {"type": "tokens", "input_tokens": 5, "output_tokens": 2, "total_tokens": 7}});
    let transcript: String =
        words.iter().chain([&done]).map(|event| format!("data: {event}\n\n")).collect();
    let none = json!({});
    let stream = json!({"stream": true});
    for (exchange, events, outputs) in [
        (
            Exchange::new(
                "/v1/rerank",
                &json!({"documents": ["a", "b"]}),
                &json!({"results": [{"index": 1}]}),
            ),
            vec!["rerank_start", "rerank_end"],
            json!(1),
        ),
        (
            Exchange::new("/v1/images/generations", &stream, &none)
                .of_type("text/event-stream", picture),
            vec!["image_start", "image_end"],
            json!(1),
        ),
        (
            Exchange::new("/v1/audio/transcriptions", &stream, &none)
                .of_type("text/event-stream", transcript),
            vec!["audio_start", "llm_new_token", "llm_new_token", "audio_end"],
            json!(1),
        ),
        (
            Exchange::new("/v1/audio/speech", &json!({"input": "Hi"}), &none)
                .of_type("audio/mpeg", vec![255; 4000]),
            vec!["audio_start", "audio_end"],
            json!(1),
        ),
        (
            Exchange::new(
                "/v1/moderations",
                &json!({"input": "a"}),
                &json!({"results": [{"flagged": true}]}),
            ),
            vec!["moderation_start", "moderation_end"],
            json!(1),
        ),
    ] {
        let records = exchange.records().await;
        let names: Vec<_> =
            records.iter().map(|record| record["event"].as_str().unwrap()).collect();
        assert_eq!(names, events, "{}", exchange.target);
        let end = &records.last().unwrap()["data"];
        assert_eq!(end["outputs"], outputs, "{end}");
        if events[0] == "moderation_start" {
            assert_eq!(end["flagged"], json!([true]));
        }
    }
}

#[tokio::test]
async fn failures_are_errors_of_their_own_kind() {
    let error = json!({"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}});
    for (target, event) in [
        ("/v1/embeddings", "embedding_error"),
        ("/v2/rerank", "rerank_error"),
        ("/v1/images/edits", "image_error"),
        ("/v1/audio/speech", "audio_error"),
        ("/v1/moderations", "moderation_error"),
    ] {
        for status in [200, 429] {
            let exchange = Exchange::new(target, &json!({"model": "m"}), &error).status(status);
            let records = exchange.records().await;
            let last = records.last().unwrap();
            assert_eq!(last["event"], event, "{target}");
            let error = &last["data"]["error"];
            assert_eq!(
                (&error["kind"], &error["message"]),
                (&json!("provider"), &json!("slow down"))
            );
            assert_eq!(error["provider_code"], "rate_limit_exceeded");
        }
        // The body ends in the middle.
        let cut = Exchange::new(target, &json!({}), &json!({}))
            .of_type(JSON, "{\"data\":[{\"embedding\":[1,");
        let records = cut.records().await;
        let last = records.last().unwrap();
        assert_eq!(
            (&last["event"], &last["data"]["error"]["kind"]),
            (&json!(event), &json!("truncated"))
        );
    }
}

#[tokio::test]
async fn aborted_calls_are_answered_in_the_shape_of_their_api() {
    for (target, pointer) in [
        ("/v1/embeddings", "/error/message"),
        ("/v1beta/models/m:embedContent", "/error/message"),
        ("/v2/embed", "/message"),
        ("/api/embed", "/error"),
        ("/v1/rerank", "/message"),
        ("/v1/audio/speech", "/error/message"),
    ] {
        let guard = on_event(|run: &Run, _| {
            run.abort(Abort::new("too much"));
        });
        let server =
            service_fn(|_| async { Ok::<_, BoxError>(Response::new(Full::<Bytes>::default())) });
        let layer = HttpCallbackLayer::new(Callbacks::new().inline(guard));
        let request = Request::post(target).body(Full::<Bytes>::from("{}")).unwrap();
        let response = layer.layer(server).oneshot(request).await.unwrap();
        assert!(response.status().is_client_error() || response.status().is_server_error());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body.pointer(pointer), Some(&json!("too much")), "{target} {body}");
    }
}

/// What media cost is not known by the words around them.
#[tokio::test]
async fn the_tokens_of_media_are_not_estimated() {
    let picture = "QUJD".repeat(2000);
    let form = format!(
        "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\ncontent-type: audio/mpeg\r\n\r\n{picture}\r\n--b--\r\n"
    );
    let mut spoken = Exchange::new("/v1/audio/transcriptions", &json!({}), &json!({"text": "Hi"}));
    spoken.request = ("multipart/form-data; boundary=b".to_owned(), form.into());
    let vectors = json!({"embeddings": {"float": [[0.5]]}});
    let of = |target: &str, request: Value, answer: Value| Exchange::new(target, &request, &answer);
    for exchange in [
        spoken,
        of("/v2/embed", json!({"images": [format!("data:image/png;base64,{picture}")]}), vectors),
        of(
            "/v1/images/generations",
            json!({"prompt": "a", "image": picture}),
            json!({"data": [{}]}),
        ),
        of(
            "/v1/embeddings",
            json!({"input": [{"image": picture}]}),
            json!({"data": [{"embedding": [1]}]}),
        ),
        of(
            "/model/amazon.titan-embed-image-v1/invoke",
            json!({"inputImage": picture}),
            json!({"embedding": [1]}),
        ),
        of(
            "/v1beta/models/imagen-3.0-capability-001:predict",
            json!({"instances": [{"prompt": "a", "referenceImages": [{"referenceImage": {"bytesBase64Encoded": picture}}]}]}),
            json!({"predictions": [{}]}),
        ),
    ] {
        let end = exchange.records().await.pop().unwrap();
        let source = &end["data"]["usage"]["source"];
        assert_eq!(source["input_gap"], "media", "{} {end}", exchange.target);
        assert_ne!(source["input"], "estimated", "{} {end}", exchange.target);
    }
}

/// Of audio that is billed by its seconds no tokens are invented.
#[tokio::test]
async fn what_is_billed_by_time_has_no_tokens() {
    let form = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\r\nabc\r\n--b--\r\n";
    let usage = json!({"type": "duration", "seconds": 9});
    let answer = json!({"text": "Good morning.", "usage": usage});
    let mut spoken = Exchange::new("/v1/audio/transcriptions", &json!({}), &answer);
    spoken.request = ("multipart/form-data; boundary=b".to_owned(), form.into());
    let end = spoken.records().await.pop().unwrap();
    let found = &end["data"]["usage"];
    assert!(found["input_tokens"].is_null() && found["output_tokens"].is_null(), "{end}");
    assert_eq!(end["data"]["usage_raw"], usage);
}

/// The records of an end without what differs from call to call.
fn comparable(records: &[Value]) -> Value {
    let mut data = records.last().unwrap()["data"].clone();
    for name in ["duration_ms", "time_to_first_token_ms", "http"] {
        data.as_object_mut().unwrap().remove(name);
    }
    data
}

#[tokio::test]
async fn recorded_bodies_read_the_same_when_they_are_compressed() {
    let Some(folder) = folder() else { return };
    let folder = folder.join("endpoints");
    let mut checked = 0;
    for entry in read_json(&folder.join("index.json")).as_array().unwrap() {
        let file = entry["file"].as_str().unwrap();
        let group = file.split('/').next().unwrap();
        let is_operation = group.contains("embed")
            || matches!(group, "rerank" | "images" | "audio" | "moderations");
        if !is_operation {
            continue;
        }
        let request = entry["request_body"].as_str().unwrap_or("{}").to_owned();
        let mut exchange = Exchange {
            target: entry["request_url"].as_str().unwrap().to_owned(),
            request: (JSON.to_owned(), request.into()),
            status: u16::try_from(entry["status"].as_u64().unwrap()).unwrap(),
            answer: (
                entry["content_type"].as_str().unwrap().to_owned(),
                fs::read(folder.join(file)).unwrap().into(),
            ),
            gzip: entry["content_encoding"] == "gzip",
        };
        let records = exchange.records().await;
        let data = comparable(&records);
        let is_error = exchange.status >= 400;
        assert_eq!(data["error"].is_object(), is_error, "{file} {data}");
        assert!(is_error || data["outputs"].as_u64() >= Some(1), "{file} {data}");
        if !exchange.gzip {
            exchange = exchange.gzip();
            assert_eq!(comparable(&exchange.records().await), data, "{file}");
        }
        checked += 1;
    }
    assert!(checked > 10);
}
