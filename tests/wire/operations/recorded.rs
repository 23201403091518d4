//! Recorded bodies, if available, read as what the official SDKs say of them.

use std::{fs, io::Read as _};

use http::{Method, StatusCode};
use serde_json::{Value, json};
use support::recordings::{folder, read_json};
use tower_llm_callbacks::RunType;

use super::run::{FORMATS, Read, format_of, read};

const FOLDERS: [&str; 9] = [
    "openai-embeddings",
    "azure-embeddings",
    "gemini-embed",
    "cohere-embed",
    "ollama-embed",
    "rerank",
    "images",
    "audio",
    "moderations",
];

#[test]
fn recorded_bodies_read_as_by_the_sdks() {
    let Some(folder) = folder() else { return };
    let folder = folder.join("endpoints");
    let oracle = read_json(&folder.join("oracle.json"));
    let mut checked = 0;
    for entry in read_json(&folder.join("index.json")).as_array().unwrap() {
        let file = entry["file"].as_str().unwrap();
        let target = entry["request_url"].as_str().unwrap();
        let path = entry["request_path"].as_str().unwrap();
        let path = path.split('?').next().unwrap();
        if file.starts_with("count-tokens/") {
            assert!(format_of(path).is_none(), "{file}");
            continue;
        }
        if !FOLDERS.contains(&file.split('/').next().unwrap()) {
            continue;
        }
        let mut body = fs::read(folder.join(file)).unwrap();
        if entry["content_encoding"] == "gzip" {
            let mut inflated = Vec::new();
            flate2::read::GzDecoder::new(&*body).read_to_end(&mut inflated).unwrap();
            body = inflated;
        }
        let expected = &oracle[file];
        let status = u16::try_from(entry["status"].as_u64().unwrap()).unwrap();
        if status >= 400 {
            let status = StatusCode::from_u16(status).unwrap();
            let error = format_of(path).unwrap().error(status, &body);
            assert_eq!(json!(&*error.message), expected["error"]["message"], "{file}");
            assert_eq!(json!(error.code.as_deref()), expected["error"]["provider_code"], "{file}");
        } else {
            let (kind, request) = request(entry);
            let answer = (entry["content_type"].as_str(), &*body);
            check(file, &read(target, (&kind, &request), answer), expected);
        }
        checked += 1;
    }
    println!("{checked} recorded bodies");
    assert!(checked > 10);
}

/// Returns the content type and the body of a recorded request.
fn request(entry: &Value) -> (String, Vec<u8>) {
    if let Some(form) = entry["request_form"].as_object() {
        let part = |(name, value): (&String, &Value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), Into::into);
            let head = format!("content-disposition: form-data; name=\"{name}\"");
            format!("--xx\r\n{head}\r\n\r\n{value}\r\n")
        };
        let body = form.iter().map(part).collect::<String>() + "--xx--\r\n";
        return ("multipart/form-data; boundary=xx".to_owned(), body.into());
    }
    let body = entry["request_body"].as_str().unwrap_or("{}");
    ("application/json".to_owned(), body.into())
}

fn check(file: &str, found: &Read, expected: &Value) {
    let Read { run_type, start, result, error, done } = found;
    assert!(error.is_none() && *done && result.decode_faults == 0, "{file}: {found:?}");
    for (key, expected) in expected.as_object().unwrap() {
        let found = match &**key {
            "by" | "bytes" => continue,
            "operation" => {
                let expected = match expected.as_str().unwrap() {
                    "embeddings" => RunType::Embedding,
                    "rerank" => RunType::Rerank,
                    "image_generation" => RunType::Image,
                    "transcription" | "speech" => RunType::Audio,
                    "moderation" => RunType::Moderation,
                    other => panic!("{file}: {other}"),
                };
                assert_eq!(*run_type, expected, "{file}");
                continue;
            }
            "embeddings" | "images" | "results" => json!(result.outputs),
            "dimensions" => json!(result.dimensions),
            "flagged" => json!(result.flagged),
            "text" => json!(result.choices[0].text),
            "streamed" => json!(result.streamed),
            "response_id" => json!(result.response_id),
            "model" => json!(result.model.as_ref().or(start.model.as_ref())),
            "usage_raw" => {
                assert!(same(&json!(result.usage_raw), expected), "{file}: {:?}", result.usage_raw);
                continue;
            }
            "usage" => {
                let found = json!(result.usage.as_ref().filter(|usage| usage.is_known()));
                assert_eq!(found.is_null(), expected.is_null(), "{file}: {found}");
                for (name, count) in expected.as_object().into_iter().flatten() {
                    let zero = *count == 0 && found[name].is_null();
                    assert!(zero || found[name] == *count, "{file}: {name} {found}");
                }
                continue;
            }
            other => panic!("{file}: no comparison for {other}"),
        };
        assert_eq!(found, *expected, "{file}: {key}");
    }
}

/// Compares values whose numbers may be written in two ways.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        _ => a == b,
    }
}

#[test]
fn what_only_counts_or_comes_later_is_no_call() {
    for path in [
        "/v1/messages/count_tokens",
        "/v1/responses/input_tokens",
        "/v1beta/models/gemini-3.5-flash:countTokens",
        "/v1/projects/p/locations/l/publishers/google/models/m:countTokens",
        "/model/anthropic.claude/count-tokens",
        "/v1/batches",
        "/v1/messages/batches",
        "/v1beta/models/gemini-embedding-001:asyncBatchEmbedContent",
        "/v1/projects/p/locations/l/publishers/google/models/text-bison:predict",
        "/v1/projects/p/locations/l/endpoints/1:predict",
        "/v1/files",
        "/v1/models/embeddings-large",
        "/v1/vector_stores/v/search",
    ] {
        assert!(format_of(path).is_none(), "{path}");
    }
    for format in FORMATS {
        assert!(!format.matches(&Method::GET, "/v1/embeddings"));
    }
}
