//! Answers of the tests' own, by what they count.

use http::StatusCode;
use serde_json::{Value, json};
use tower_llm_callbacks::{RunType, Usage, event::Accumulator, wire::LlmHttpResponse};

use super::run::{FORMATS, Read, format_of, headers, read, start};

const JSON: &str = "application/json";
const SSE: &str = "text/event-stream";

fn answer(target: &str, request: &Value, body: &Value) -> Read {
    let (request, body) = (request.to_string(), body.to_string());
    let found = read(target, (JSON, request.as_bytes()), (Some(JSON), body.as_bytes()));
    assert_eq!(found.result.decode_faults, 0, "{target}: {body}");
    found
}

/// Returns outputs, dimensions and usage of an answer.
fn counts(target: &str, request: &Value, body: &Value) -> (u64, Option<u32>, Option<Usage>) {
    let found = answer(target, request, body);
    assert!(found.done && found.error.is_none() && !found.result.streamed, "{found:?}");
    let usage = found.result.usage.filter(Usage::is_known);
    (found.result.outputs.unwrap(), found.result.dimensions, usage)
}

fn vector(length: u32) -> Value {
    (0..length).map(|at| json!(-0.000_123_456 * f64::from(at))).collect()
}

/// A string of Base64 of so many bytes.
fn base64(bytes: u32) -> String {
    let bytes = bytes as usize;
    let mut text = "Ab/+".repeat(bytes / 3);
    text += ["", "QQ==", "QUI="][bytes % 3];
    text
}

fn total(tokens: u64) -> Option<Usage> {
    // There is no output.
    Some(Usage::new(tokens, None).total(tokens))
}

fn input(tokens: u64) -> Option<Usage> {
    Some(Usage::new(tokens, None))
}

/// The paths of DashScope, and of a model on Vertex AI.
const DASHSCOPE: &str = "/api/v1/services/embeddings/text-embedding/text-embedding";
const VERTEX: &str =
    "/v1/projects/p/locations/l/publishers/google/models/text-embedding-005:predict";

#[test]
fn vectors_are_counted_in_every_shape() {
    for length in [1, 100, 1536] {
        let (v, encoded) = (vector(length), base64(length * 4));
        let item = json!({"embedding": v, "index": 0});
        let usage = json!({"prompt_tokens": 5, "total_tokens": 5});
        let statistics = json!({"truncated": false, "token_count": 4.0});
        let predicted = json!({"embeddings": {"statistics": statistics, "values": v}});
        let billed = json!({"billed_units": {"input_tokens": 2.0}});
        let both = json!({"tokens": {"input_tokens": 4.0}, "billed_units": {"input_tokens": 2.0}});
        for (target, body, count, usage) in [
            (
                "/v1/embeddings",
                json!({"data": [item, item], "usage": usage}),
                2,
                Some(Usage::new(5, None).total(5)),
            ),
            ("/v1/embeddings", json!({"data": [{"embedding": encoded}]}), 1, None),
            // Jina's: several vectors for a text.
            ("/v1/embeddings", json!({"data": [{"embeddings": [v, v]}]}), 1, None),
            (
                "/v1/multimodalembeddings",
                json!({"data": [item], "usage": {"total_tokens": 9}}),
                1,
                total(9),
            ),
            (
                "/v1/contextualizedembeddings",
                json!({"data": [{"data": [item, item]}, {"data": [item]}]}),
                3,
                None,
            ),
            (
                "/ml/v1/text/embeddings",
                json!({"results": [item], "input_token_count": 7}),
                1,
                input(7),
            ),
            // Servers: lists alone, of one text or several.
            ("/embedding", json!([{"index": 0, "embedding": [v]}]), 1, None),
            ("/embeddings", json!([item, item]), 2, None),
            ("/embed", json!([v, v, v]), 3, None),
            (
                DASHSCOPE,
                json!({"output": {"embeddings": [item, item]}, "usage": {"total_tokens": 3}}),
                2,
                total(3),
            ),
            (
                "/v1beta/models/m:embedContent",
                json!({"embedding": {"values": v}, "usageMetadata": {"promptTokenCount": 4}}),
                1,
                input(4),
            ),
            (
                "/v1beta/models/m:batchEmbedContents",
                json!({"embeddings": [{"values": v}, {"values": v}]}),
                2,
                None,
            ),
            (
                VERTEX,
                json!({"predictions": [predicted, predicted], "metadata": {"billableCharacterCount": 11}}),
                2,
                input(8),
            ),
            // The parts of a video.
            (
                VERTEX,
                json!({"predictions": [{"videoEmbeddings": [{"embedding": v}, {"embedding": v}]}]}),
                2,
                None,
            ),
            ("/v1/embed", json!({"embeddings": [v, v], "meta": billed}), 2, input(2)),
            (
                "/v2/embed",
                json!({"embeddings": {"float": [v, v], "ubinary": [[1], [2]]}, "meta": both}),
                2,
                input(4),
            ),
            ("/v2/embed", json!({"embeddings": {"base64": [encoded]}}), 1, None),
            ("/api/embed", json!({"embeddings": [v], "prompt_eval_count": 4}), 1, input(4)),
            ("/api/embeddings", json!({"embedding": v}), 1, None),
        ] {
            let expected = (count, Some(length), usage);
            assert_eq!(counts(target, &json!({}), &body), expected, "{target} {length}");
        }
        // A number of packed bits has eight dimensions.
        let packed = answer("/v2/embed", &json!({}), &json!({"embeddings": {"binary": [v]}}));
        assert_eq!(packed.result.dimensions, Some(length * 8));
        for (asked, embedding, dimensions) in [
            ("binary", v.clone(), length * 8),
            ("ubinary", json!(base64(length)), length * 8),
            ("int8", json!(base64(length)), length),
        ] {
            let request = json!({"output_dtype": asked});
            let found =
                answer("/v1/embeddings", &request, &json!({"data": [{"embedding": embedding}]}));
            assert_eq!(found.result.dimensions, Some(dimensions), "{asked}");
        }
    }
}

#[test]
fn pictures_of_a_request_are_no_outputs() {
    let billed = json!({"billed_units": {"images": 2, "image_tokens": 300, "input_tokens": 4}});
    for images in [json!([]), json!([{"width": 400, "height": 200, "format": "png"}])] {
        let body =
            json!({"images": images, "embeddings": {"float": [[1, 2], [3, 4]]}, "meta": billed});
        let expected = (2, Some(2), input(304));
        assert_eq!(counts("/v2/embed", &json!({"images": ["data:,"]}), &body), expected);
    }
}

#[test]
fn what_the_provider_says_is_kept() {
    let none = json!({});
    let meta = json!({"billed_units": {"images": 1}});
    let found = answer(
        "/v2/embed",
        &none,
        &json!({"id": "e", "embeddings": {"float": [[0.5]]}, "meta": meta}),
    );
    assert_eq!(found.result.response_id.as_deref(), Some("e"));
    assert_eq!((found.result.usage, found.result.usage_raw), (None, Some(meta)));
    let found = answer(
        "/api/embed",
        &none,
        &json!({"model": "n", "embeddings": [[1]], "load_duration": 7}),
    );
    assert_eq!(found.result.model.as_deref(), Some("n"));
    assert_eq!(found.result.usage_raw, Some(json!({"load_duration": 7})));
    let raw = json!({"total_tokens": 3, "cost": 1e-7, "list": [1, 2, 3]});
    let found = answer("/v1/rerank", &none, &json!({"results": [], "usage": raw}));
    assert_eq!((found.result.outputs, found.result.usage_raw), (Some(0), Some(raw)));
}

#[test]
fn ranks_pictures_and_verdicts_are_counted() {
    let rank = |at| json!({"index": at, "relevance_score": 0.9, "document": {"text": "é ".repeat(10_000)}});
    let score = json!({"index": 0, "score": 0.4});
    for (target, body, outputs) in [
        ("/v1/rerank", json!({"results": [rank(1), rank(0)], "usage": {"total_tokens": 3}}), 2),
        ("/v1/rerank", json!({"object": "list", "data": [rank(1), rank(0)]}), 2),
        ("/rerank", json!([score, score]), 2),
        ("/rerank", json!([score]), 1),
        ("/v1/score", json!({"data": [score]}), 1),
        (
            "/api/v1/services/rerank/text-rerank/text-rerank",
            json!({"output": {"results": [score]}}),
            1,
        ),
        (
            "/v1/images/generations",
            json!({"data": [{"b64_json": base64(9000)}, {"url": "https://x"}]}),
            2,
        ),
        // SiliconFlow's.
        ("/v1/images/generations", json!({"images": [{"url": "https://x"}], "seed": 1}), 1),
        (
            "/v1beta/models/imagen-4.0-generate-001:predict",
            json!({"predictions": [{"bytesBase64Encoded": base64(5000)}, {"raiFilteredReason": "no"}]}),
            1,
        ),
        ("/v1/moderations", json!({"results": [{"categories": {"a": true}}]}), 1),
    ] {
        let (found, dimensions, _) = counts(target, &json!({}), &body);
        assert_eq!((found, dimensions), (outputs, None), "{target}");
    }
    let verdicts = json!({"id": "m", "results": [{"flagged": null}, {"flagged": true}]});
    let found = answer("/v1/moderations", &json!({}), &verdicts);
    assert_eq!((found.result.outputs, found.result.flagged), (Some(2), Some(vec![false, true])));
    assert_eq!(found.run_type, RunType::Moderation);
}

fn events(target: &str, request: &Value, events: &[Value]) -> Read {
    let framed =
        |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    let body: String = events.iter().map(framed).collect();
    read(target, (JSON, request.to_string().as_bytes()), (Some(SSE), body.as_bytes()))
}

#[test]
fn streamed_pictures_end_with_the_last_one() {
    let edit = json!({"type": "image_edit.completed", "b64_json": base64(400)});
    let part = json!({"type": "image_edit.partial_image", "b64_json": base64(400)});
    let two = json!({"n": 2, "stream": true});
    let found =
        events("/v1/images/edits", &two, &[part.clone(), edit.clone(), part.clone(), edit.clone()]);
    assert_eq!((found.done, found.result.outputs, found.result.streamed), (true, Some(2), true));
    // One of two, and the stream stops.
    let found = events("/v1/images/edits", &two, &[part.clone(), edit.clone()]);
    assert_eq!((found.done, found.result.outputs), (false, Some(1)));
    let body = format!("data: {edit}\n\ndata: [DONE]\n\n");
    let found =
        read("/v1/images/edits", (JSON, two.to_string().as_bytes()), (Some(SSE), body.as_bytes()));
    assert_eq!((found.done, found.result.outputs), (true, Some(1)));
    let found = events("/v1/images/edits", &two, &[part]);
    assert_eq!((found.done, found.result.outputs), (false, None));
    let error = json!({"type": "error", "error": {"message": "no", "code": "moderation_blocked"}});
    let found = events("/v1/images/edits", &two, &[error]);
    assert_eq!(&*found.error.unwrap().message, "no");
}

/// Seedream's events: one for each picture, and one for all of them.
/// The usage of an answer whose output is all of a kind.
fn made(input: u64, output: u64, kind: &str) -> Usage {
    let mut usage = Usage::new(input, output);
    usage.details = [(kind.into(), output)].into();
    usage
}

#[test]
fn pictures_that_another_event_follows_are_counted() {
    let part =
        json!({"type": "image_generation.partial_succeeded", "image_index": 0, "url": "https://x"});
    let usage = json!({"generated_images": 2, "output_tokens": 8000, "total_tokens": 8000});
    let end = json!({"type": "image_generation.completed", "usage": usage});
    let target = "/api/v3/images/generations";
    let found = events(target, &json!({"stream": true}), &[part.clone(), part.clone(), end]);
    assert_eq!((found.done, found.result.outputs), (true, Some(2)));
    assert_eq!(found.result.usage, Some(made(0, 8000, "output_image_tokens")));
    assert!(!events(target, &json!({"stream": true}), &[part]).done);
}

#[test]
fn pictures_that_a_filter_removed_are_none() {
    let imagen = "/v1beta/models/imagen-4.0-generate-001:predict";
    let removed = json!({"predictions": [{"raiFilteredReason": "no"}]});
    for body in [json!({}), removed] {
        assert_eq!(counts(imagen, &json!({}), &body), (0, None, None), "{body}");
    }
    let target = "/v1/images/generations";
    let blurred = json!({"artifacts": [{"base64": base64(3000), "finishReason": "CONTENT_FILTERED"}, {"base64": base64(3000), "finishReason": "SUCCESS"}]});
    assert_eq!(counts(target, &json!({}), &blurred), (1, None, None));
    let refused = json!({"finish_reasons": ["Filter reason: prompt"], "images": [null]});
    let error = answer(target, &json!({}), &refused).error.unwrap();
    assert_eq!(&*error.message, "Filter reason: prompt");
    let passed = json!({"finish_reasons": [null], "images": [base64(3000)]});
    assert_eq!(counts(target, &json!({}), &passed), (1, None, None));
}

#[test]
fn a_picture_of_any_size_is_read_in_little_memory() {
    let request = json!({"prompt": "a cat", "stream": true, "partial_images": 1}).to_string();
    let start = start("/v1/images/generations", JSON, request);
    let headers = headers(&[("content-type", SSE)]);
    let response = LlmHttpResponse::new(StatusCode::OK, &headers).request(&start);
    let format = format_of("/v1/images/generations").unwrap();
    let (partial, picture) = (base64(30_000_000), base64(3_000_000));
    let body = [
        format!(r#"data: {{"type":"image_generation.partial_image","b64_json":"{partial}"}}"#),
        format!(
            r#"data: {{"type":"image_generation.completed","b64_json":"{picture}","usage":{{"input_tokens":3,"output_tokens":40,"total_tokens":43}}}}"#
        ),
    ];
    let body = body.join("\n\n") + "\n\n";
    let mut result = None;
    let memory = allocation_counter::measure(|| {
        let mut sum = Accumulator::new();
        let mut decoder = format.decoder(&response);
        body.as_bytes()
            .chunks(9000)
            .for_each(|it| decoder.push(it, &mut |delta| sum.delta(&delta)));
        result = Some(sum.finish());
    });
    let result = result.unwrap();
    assert_eq!((result.outputs, result.decode_faults), (Some(1), 0));
    assert_eq!(result.usage, Some(made(3, 40, "output_image_tokens")));
    assert!(memory.bytes_max < 100_000, "{memory:?}");

    let vectors: Vec<Value> = (0..100).map(|_| json!({"embedding": vector(1000)})).collect();
    let body = json!({"data": vectors}).to_string();
    let memory = allocation_counter::measure(|| {
        let mut decoder = format_of("/v1/embeddings").unwrap().decoder(&response);
        body.as_bytes().chunks(9000).for_each(|it| decoder.push(it, &mut |_| {}));
        decoder.finish(&mut |_| {});
    });
    assert!(body.len() > 1_000_000 && memory.bytes_max < 50_000, "{memory:?}");
}

#[test]
fn transcripts_are_text_in_every_format() {
    let target = "/v1/audio/transcriptions";
    let form = |format: &str| {
        format!(
            "--b\r\ncontent-disposition: form-data; name=\"response_format\"\r\n\r\n{format}\r\n--b--\r\n"
        )
    };
    let form_type = "multipart/form-data; boundary=b";
    let text = "Grüße\nan \"alle\" [1,2]\n";
    let verbose =
        json!({"task": "transcribe", "text": text, "segments": [{"text": "x", "tokens": [1]}]});
    for (format, kind, body) in [
        ("json", JSON, json!({"text": text}).to_string()),
        ("verbose_json", JSON, verbose.to_string()),
        ("diarized_json", JSON, json!({"segments": [], "text": text}).to_string()),
        ("text", "text/plain; charset=utf-8", text.to_owned()),
        ("text", JSON, text.to_owned()),
        // whisper.cpp's type.
        ("text", "text/html; charset=utf-8", text.to_owned()),
        ("json", "text/plain", text.to_owned()),
        ("json", "text/plain", json!({"text": text}).to_string()),
        ("srt", "application/x-subrip", text.to_owned()),
        ("vtt", "text/vtt", text.to_owned()),
    ] {
        let found =
            read(target, (form_type, form(format).as_bytes()), (Some(kind), body.as_bytes()));
        assert_eq!(found.result.choices[0].text, text, "{format}");
        assert!(
            found.done && !found.result.streamed && found.result.decode_faults == 0,
            "{format}"
        );
    }
    let page = "<html><title>502 Bad Gateway</title></html>";
    let found =
        read(target, (form_type, form("text").as_bytes()), (Some("text/html"), page.as_bytes()));
    assert!(found.error.is_some() || !found.done, "{found:?}");
    let failed = json!({"error": {"message": "too long"}}).to_string();
    let found = read(target, (form_type, form("srt").as_bytes()), (Some(JSON), failed.as_bytes()));
    assert_eq!((&*found.error.unwrap().message, found.done), ("too long", false));
    let seconds = json!({"type": "duration", "seconds": 9});
    let found = answer(target, &json!({}), &json!({"text": "a", "usage": seconds}));
    assert_eq!((found.result.usage, found.result.usage_raw), (None, Some(seconds)));

    for (delta, member, done) in [
        ("transcript.text.delta", "delta", "transcript.text.done"),
        ("transcription.text.delta", "text", "transcription.done"),
    ] {
        let usage = json!({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5});
        let found = events(
            target,
            &json!({"stream": true}),
            &[
                json!({"type": delta, member: "Hel"}),
                json!({"type": delta.replace("delta", "segment"), "text": "Hel", "start": 0}),
                json!({"type": delta, member: "lo"}),
                json!({"type": done, "text": "Hello", "model": "v", "usage": usage}),
            ],
        );
        assert_eq!((&*found.result.choices[0].text, found.result.tokens), ("Hello", 2), "{delta}");
        assert_eq!((found.done, found.result.usage), (true, Some(Usage::new(3, 2))), "{delta}");
        let found = events(target, &json!({}), &[json!({"type": done, "text": "Hello"})]);
        assert_eq!(found.result.choices[0].text, "Hello");
    }
}

#[test]
fn speech_is_sound_or_events_of_it() {
    for kind in [Some("audio/mpeg"), None, Some("application/octet-stream")] {
        let found = read("/v1/audio/speech", (JSON, b"{}"), (kind, b"ID3\x04{\"[1,"));
        assert_eq!((found.done, found.result.outputs), (true, Some(1)));
        assert!(!read("/v1/audio/speech", (JSON, b"{}"), (kind, b"")).done);
    }
    let usage = json!({"input_tokens": 1, "output_tokens": 9, "total_tokens": 10});
    let found = events(
        "/v1/audio/speech",
        &json!({"stream_format": "sse"}),
        &[
            json!({"type": "speech.audio.delta", "audio": base64(3000)}),
            json!({"type": "speech.audio.done", "usage": usage}),
        ],
    );
    assert!(found.start.stream && found.done && found.result.streamed);
    assert_eq!(
        (found.result.outputs, found.result.usage),
        (Some(1), Some(made(1, 9, "output_audio_tokens")))
    );
}

#[test]
fn sound_in_json_is_an_output() {
    // Mistral's, DeepInfra's, and that of servers with OpenAI's pictures.
    for body in [
        json!({"audio_data": base64(3000)}),
        json!({"audio": base64(3000), "inference_status": {"cost": 0.1}}),
        json!({"data": [{"b64_json": base64(3000)}]}),
    ] {
        let (outputs, dimensions, _) = counts("/v1/audio/speech", &json!({}), &body);
        assert_eq!((outputs, dimensions), (1, None), "{body:.40}");
    }
}

/// vLLM's `transcription.chunk` and `translation.chunk`. Each piece of a long sound has an end of its own.
#[test]
fn transcripts_in_choices_are_text() {
    let chunk = |text: &str, reason: Value| json!({"id": "t", "object": "transcription.chunk", "model": "w", "choices": [{"delta": {"content": text}, "finish_reason": reason}]});
    let usage = json!({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5});
    let last =
        json!({"object": "transcription.chunk", "model": "w", "choices": [], "usage": usage});
    let texts = [
        chunk(" Hel", Value::Null),
        chunk("lo", json!("stop")),
        chunk(" and", Value::Null),
        chunk("", json!("stop")),
    ];
    let body = |events: &[Value], mark: &str| {
        let framed = |event: &Value| format!("data: {event}\n\n");
        events.iter().map(framed).collect::<String>() + mark
    };
    let heard = |body: &str| {
        let target = "/v1/audio/translations";
        read(target, (JSON, br#"{"stream":true}"#), (Some(SSE), body.as_bytes()))
    };
    for mark in ["data: [DONE]\n\n", ""] {
        let whole: Vec<Value> = texts.iter().cloned().chain([last.clone()]).collect();
        let found = heard(&body(&whole, mark));
        assert_eq!((found.done, found.error.is_none()), (true, true), "{found:?}");
        assert_eq!((&*found.result.choices[0].text, found.result.tokens), (" Hello and", 3));
        assert_eq!((found.result.usage, found.result.outputs), (Some(Usage::new(3, 2)), Some(1)));
        assert_eq!(found.result.model.as_deref(), Some("w"));
    }
    assert!(!heard(&body(&texts[..3], "")).done);
    let error = json!({"error": {"message": "no", "type": "InternalServerError", "code": 500}});
    let cut = body(&[texts[0].clone(), error], "data: [DONE]\n\n");
    assert_eq!(&*heard(&cut).error.unwrap().message, "no");
}

#[test]
fn what_is_no_answer_is_an_error() {
    let paths = [
        "/api/embed",
        "/v2/embed",
        "/v1/embeddings",
        "/v1beta/models/m:embedContent",
        "/v1/rerank",
        "/v1/images/edits",
        "/v1beta/models/imagen-3:predict",
        "/v1/audio/speech",
        "/v1/audio/translations",
        "/v1/moderations",
    ];
    assert_eq!(paths.len(), FORMATS.len());
    for path in paths {
        for (kind, body, message) in [
            (JSON, r#"{"error":{"message":"quota","code":"x"}}"#, "quota"),
            (JSON, r#"[{"error":{"code":429,"message":"quota","status":"EXHAUSTED"}}]"#, "quota"),
            (JSON, r#"{"message":"invalid","code":3}"#, "invalid"),
            ("text/html", "<html><title>Bad gateway</title></html>", "Bad gateway"),
        ] {
            let found = read(path, (JSON, b"{}"), (Some(kind), body.as_bytes()));
            let error = found.error.unwrap_or_else(|| panic!("{path} {body}"));
            assert_eq!(&*error.message, message, "{path} {body}");
        }
    }
}

#[test]
fn wrong_shapes_and_cut_bodies_are_faults() {
    let text = "é".repeat(9000);
    let items = json!([{"embedding": vector(400), "text": text}, {"embedding": base64(4000)}]);
    let body = json!({"data": items, "usage": {"total_tokens": 2}}).to_string();
    for end in (1..body.len()).step_by(1777).chain([body.len() - 1]) {
        let found = read("/v1/embeddings", (JSON, b"{}"), (Some(JSON), &body.as_bytes()[..end]));
        assert!(!found.done && found.result.decode_faults == 1, "{end} {found:?}");
    }
    for body in [
        r#"{"data":3}"#,
        r#"{"data":[3,"x",{"embedding":{}}],"usage":[]}"#,
        r#"{"data":{"embedding":true},"model":{}}"#,
        r#"{"data":[{"embedding":[1,2,"x",[3]]}],"meta":7}"#,
        r#"{"data":[],"data":[{"embedding":[NaN,1]}]}"#,
        r#"{"data":[{"$numbers":"many"}]}"#,
    ] {
        assert!(
            read("/v1/embeddings", (JSON, b"{}"), (Some(JSON), body.as_bytes())).done,
            "{body}"
        );
    }
}
