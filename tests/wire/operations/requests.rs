//! What is read of requests.

use serde_json::{Value, json};
use tower_llm_callbacks::LlmStart;

use super::run::start;

const JSON: &str = "application/json";
const PREDICT: &str =
    "/v1/projects/p/locations/l/publishers/google/models/text-embedding-005:predict";
const DASHSCOPE: &str =
    "https://dashscope.aliyuncs.com/api/v1/services/embeddings/text-embedding/text-embedding";

fn of(target: &str, body: &Value) -> LlmStart {
    start(target, JSON, body.to_string())
}

fn content(start: &LlmStart) -> Value {
    start.messages.get().cloned().unwrap()
}

#[test]
fn inputs_are_counted() {
    let parts = json!([{"type": "text", "text": "a"}, {"type": "image_url"}]);
    let ranked = json!({"input": {"query": "q", "documents": ["a", "b"]}});
    for (target, body, inputs) in [
        ("/v1/embeddings", json!({"input": "a"}), 1),
        ("/v1/embeddings", json!({"input": ["a", "b", "c"]}), 3),
        ("/v1/embeddings", json!({"input": [1, 2, 3]}), 1),
        ("/v1/embeddings", json!({"input": [[1, 2], [3]]}), 2),
        ("/v1/embeddings", json!({"input": [{"text": "a"}, {"image": "b"}]}), 2),
        ("/v1/multimodalembeddings", json!({"inputs": [{"content": parts}]}), 1),
        ("/v1/contextualizedembeddings", json!({"inputs": [["a", "b"], ["c"]]}), 2),
        ("/ml/v1/text/embeddings", json!({"model_id": "m", "inputs": ["a"]}), 1),
        ("/embedding", json!({"content": ["a", "b"]}), 2),
        (DASHSCOPE, json!({"input": {"texts": ["a", "b"]}}), 2),
        ("/v2/embed", json!({"texts": ["a", "b"]}), 2),
        ("/v2/embed", json!({"images": ["data:image/png;base64,AAAA"]}), 1),
        ("/api/embed", json!({"input": ["a"]}), 1),
        ("/api/embeddings", json!({"prompt": "a"}), 1),
        ("/v1beta/models/m:embedContent", json!({"content": {"parts": [{"text": "a"}]}}), 1),
        ("/v1beta/models/m:batchEmbedContents", json!({"requests": [{"content": {}}, {}]}), 2),
        (PREDICT, json!({"instances": [{"content": "a"}]}), 1),
        ("/v1/rerank", json!({"query": "q", "documents": ["a", {"text": "b"}]}), 2),
        ("/rerank", json!({"query": "q", "texts": ["a"]}), 1),
        ("/api/v1/services/rerank/text-rerank/text-rerank", ranked, 2),
        ("/rerank", json!({"query": "q", "documents": {"content": [{}, {}]}}), 2),
        ("/v1/images/generations", json!({"prompt": "a"}), 1),
        ("/v1/images/edits", json!({"prompt": "a", "images": [{"file_id": "f"}, {}]}), 2),
        ("/v1/embeddings", json!({"messages": [{"role": "user"}, {"role": "user"}]}), 1),
        ("/rerank", json!({"queries": [{}], "sources": [{}, {}]}), 2),
        ("/v1/audio/transcriptions", json!({"input_audio": {"data": "", "format": "wav"}}), 1),
        ("/v1/audio/speech", json!({"input": "a"}), 1),
        ("/v1/moderations", json!({"input": ["a", "b"]}), 2),
        ("/v1/moderations", json!({"input": parts}), 1),
    ] {
        assert_eq!(of(target, &body).inputs, Some(inputs), "{target} {body}");
    }
    assert_eq!(of("/v1/embeddings", &json!({"model": "m"})).inputs, None);
    assert_eq!(start("/v1/embeddings", JSON, r#"{"model":"m","input":["a","#).inputs, None);
}

#[test]
fn requests_say_who_is_asked_and_for_what() {
    for (target, body, who, params, input) in [
        (
            "https://api.voyageai.com/v1/embeddings",
            json!({"model": "v", "input": ["a"], "output_dimension": 8}),
            ["voyage", "embeddings", "v"],
            json!({"output_dimension": 8}),
            json!(["a"]),
        ),
        (
            "/openai/deployments/small/embeddings?api-version=1",
            json!({"input": [1, 2]}),
            ["azure.ai.openai", "embeddings", "small"],
            json!({}),
            json!([[1, 2]]),
        ),
        (
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-embedding-001:batchEmbedContents",
            json!({"requests": [{"model": "models/x", "content": {"parts": []}, "outputDimensionality": 7}]}),
            ["gcp.gemini", "embed_content", "gemini-embedding-001"],
            json!({"outputDimensionality": 7}),
            json!([{"parts": []}]),
        ),
        (
            PREDICT,
            json!({"instances": [{"content": "a", "task_type": "Q"}], "parameters": {"autoTruncate": true}}),
            ["gcp.vertex_ai", "embed_content", "text-embedding-005"],
            json!({"task_type": "Q", "parameters": {"autoTruncate": true}}),
            json!(["a"]),
        ),
        (
            "/v1/rerank",
            json!({"model": "r", "query": "q", "documents": ["a"], "top_n": 1}),
            ["cohere", "rerank", "r"],
            json!({"top_n": 1}),
            json!([{"query": "q", "documents": ["a"]}]),
        ),
        (
            DASHSCOPE,
            json!({"model": "t", "input": {"texts": ["a"]}, "parameters": {"dimension": 3}}),
            ["alibaba", "embeddings", "t"],
            json!({"parameters": {"dimension": 3}}),
            json!(["a"]),
        ),
        (
            "/rerank",
            json!({"queries": [{"type": "TEXT"}], "sources": ["a"], "rerankingConfiguration": {"bedrockRerankingConfiguration": {"modelConfiguration": {"modelArn": "arn:m"}}}}),
            ["aws.bedrock", "rerank", "arn:m"],
            json!({"rerankingConfiguration": {"bedrockRerankingConfiguration": {"modelConfiguration": {"modelArn": "arn:m"}}}}),
            json!([{"queries": [{"type": "TEXT"}], "sources": ["a"]}]),
        ),
        (
            "/v1/embeddings",
            json!({"model": "e", "messages": [{"role": "user", "content": "a"}]}),
            ["openai", "embeddings", "e"],
            json!({}),
            json!([{"role": "user", "content": "a"}]),
        ),
        (
            "/v1/audio/speech",
            json!({"model": "s", "input": "Hi", "instructions": "slow", "voice": "v"}),
            ["openai", "audio_speech", "s"],
            json!({"voice": "v"}),
            json!(["Hi", "slow"]),
        ),
    ] {
        let found = of(target, &body);
        let [provider, api, model] = who;
        assert_eq!((&*found.provider, &*found.api), (provider, api), "{target}");
        assert_eq!(found.model.as_deref(), Some(model), "{target}");
        assert_eq!((json!(found.params), content(&found)), (params, input), "{target}");
        assert!(!found.stream);
    }
}

#[test]
fn pictures_and_files_are_not_captured() {
    let picture = "QUJD".repeat(1000);
    let url = format!("data:image/png;base64,{picture}");
    let image = json!({"bytesBase64Encoded": picture});
    let multimodal = "/v1/publishers/google/models/multimodalembedding@001:predict";
    for (target, body) in [
        ("/v2/embed", json!({"images": [url]})),
        (
            "/v2/embed",
            json!({"inputs": [{"content": [{"type": "image_url", "image_url": {"url": url}}]}]}),
        ),
        ("/v1/embeddings", json!({"input": [{"image": picture}]})),
        ("/v1/images/edits", json!({"prompt": "a", "image": picture, "mask": picture})),
        (
            "/v1beta/models/imagen-3:predict",
            json!({"instances": [{"prompt": "a", "image": image}]}),
        ),
        (multimodal, json!({"instances": [{"image": image}]})),
        ("/v1/images/edits", json!({"prompt": "a", "image_base64": picture})),
        ("/v1/audio/transcriptions", json!({"input_audio": {"data": picture}})),
    ] {
        let record = json!(of(target, &body)).to_string();
        assert!(!record.contains("QUJDQUJD") && record.contains("redacted"), "{target} {record}");
    }
    // A long text is none.
    let text = "word ".repeat(200);
    assert_eq!(content(&of("/v1/embeddings", &json!({"input": text}))), json!([text]));
}

fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = b"preamble".to_vec();
    for (head, content) in parts {
        body.extend_from_slice(format!("\r\n--a b\r\n{head}\r\n\r\n").as_bytes());
        body.extend_from_slice(content);
    }
    body.extend_from_slice(b"\r\n--a b--\r\n");
    body
}

const FORM: &str = "Multipart/Form-Data; charset=utf-8; boundary=\"a b\"";

#[test]
fn forms_are_read_without_their_files() {
    let file = [b"\r\n--a c\x00".as_slice(), &[7; 3000]].concat();
    let name = r#"form-data; name="file"; filename="a; name=\"x.wav""#;
    let head = format!("Content-Type: audio/wav\r\nContent-Disposition: {name}");
    let body = form(&[
        (&head, &file),
        ("content-disposition: form-data; name=model", b"4"),
        ("content-disposition: form-data; name=\"temperature\"", b"0.5"),
        ("content-disposition: form-data; name=\"stream\"", b"true"),
        ("content-disposition: form-data; name=\"prompt\"", b"12"),
        ("content-disposition: form-data; name=\"include[]\"", b"logprobs"),
        ("content-disposition: form-data; name=\"timestamps\"", b"word"),
        ("content-disposition: form-data; name=\"timestamps\"", b"segment"),
    ]);
    let found = start("/v1/audio/transcriptions", FORM, body.clone());
    assert_eq!((&*found.api, found.model.as_deref()), ("audio_transcriptions", Some("4")));
    assert_eq!((found.stream, found.inputs), (true, Some(1)));
    let params =
        json!({"temperature": 0.5, "include": ["logprobs"], "timestamps": ["word", "segment"]});
    assert_eq!(json!(found.params), params);
    let whole = json!({"content_type": "audio/wav", "bytes": file.len()});
    assert_eq!(content(&found), json!([whole, "12"]));

    // A part of the body does no harm.
    for end in 0..body.len() {
        let _ = content(&start("/v1/audio/transcriptions", FORM, body[..end].to_vec()));
    }
    let cut = start("/v1/audio/transcriptions", FORM, body[..1000].to_vec());
    assert_eq!(content(&cut), json!([{"content_type": "audio/wav", "bytes": null}]));

    let head = "content-disposition: form-data; name=\"image[]\"; filename=\"a.png\"\r\ncontent-type: image/png";
    let body = form(&[
        (head, b"\x89PNG"),
        (head, b"\x89PNG"),
        ("content-disposition: form-data; name=\"prompt\"", b"a cat"),
        ("content-disposition: form-data; name=\"n\"", b"2"),
    ]);
    let found = start("/openai/deployments/pictures/images/edits", FORM, body);
    assert_eq!((&*found.api, found.model.as_deref()), ("images_edits", Some("pictures")));
    assert_eq!((found.inputs, json!(found.params)), (Some(2), json!({"n": 2})));
    let file = json!({"content_type": "image/png", "bytes": 4});
    assert_eq!(content(&found), json!(["a cat", file, file]));

    for boundary in ["", "; boundary=", "; boundary=\"", "; boundary", ";", "; a=\"\\"] {
        let kind = format!("multipart/form-data{boundary}");
        assert_eq!(start("/v1/images/edits", &kind, "--\r\n\r\n").inputs, None, "{kind}");
    }
}
