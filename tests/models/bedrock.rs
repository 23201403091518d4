//! Amazon Bedrock's `Converse` as a service: where requests go and how they are signed, and what comes back of answers.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use support::frames;
use tower::{BoxError, Layer, service_fn, util::BoxCloneSyncService};
use tower_llm_callbacks::{
    LlmResult,
    chat::{ChatRequest, Message, ModelError},
    event::Block,
    model::bedrock::{BedrockConfig, BedrockLayer},
};

type Http = BoxCloneSyncService<Request<Full<Bytes>>, Response<Full<Bytes>>, BoxError>;
type Sent = Arc<Mutex<Vec<Request<Bytes>>>>;

fn answering(status: u16, headers: &[(&'static str, &'static str)], body: &[u8]) -> (Http, Sent) {
    let sent = Sent::default();
    let (kept, headers, body) = (Arc::clone(&sent), headers.to_vec(), Bytes::copy_from_slice(body));
    let http = service_fn(move |request: Request<Full<Bytes>>| -> BoxFuture<'static, _> {
        let (kept, headers, body) = (Arc::clone(&kept), headers.clone(), body.clone());
        Box::pin(async move {
            let (parts, sent) = request.into_parts();
            let sent = sent.collect().await?.to_bytes();
            kept.lock().unwrap().push(Request::from_parts(parts, sent));
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            Ok::<_, BoxError>(response.body(Full::new(body))?)
        })
    });
    (Http::new(http), sent)
}

fn hello(stream: bool) -> ChatRequest {
    ChatRequest::new("us.anthropic.claude-haiku-4-5-v1:0").user("Hi").stream(stream)
}

async fn ask(http: Http, request: ChatRequest) -> Result<LlmResult, ModelError> {
    let model = BedrockLayer::new(BedrockConfig::new("eu-west-1", "key-1")).layer(http);
    model.oneshot(request).await?.collect_result().await
}

const WHOLE: &[u8] =
    br#"{"output":{"message":{"role":"assistant","content":[{"text":"Hi."}]}},"stopReason":"end_turn"}"#;

#[tokio::test]
async fn the_model_is_in_the_path_and_the_key_in_a_header() {
    let arn = "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.nova";
    for (model, stream, path) in [
        ("a.b-v1:0", false, "/model/a.b-v1%3A0/converse"),
        (
            arn,
            true,
            "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Feu.nova/converse-stream",
        ),
    ] {
        let (http, sent) = answering(200, &[("content-type", "application/json")], WHOLE);
        ask(http, ChatRequest::new(model).user("Hi").stream(stream)).await.unwrap();
        let sent = sent.lock().unwrap().pop().unwrap();
        assert_eq!(sent.uri().host(), Some("bedrock-runtime.eu-west-1.amazonaws.com"));
        assert_eq!(sent.uri().path(), path);
        assert_eq!(sent.headers()["authorization"], "Bearer key-1");
        assert!(sent.headers()["authorization"].is_sensitive());
        let body: Value = serde_json::from_slice(sent.body()).unwrap();
        assert_eq!(body, json!({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}));
    }
    let (http, sent) = answering(200, &[], WHOLE);
    let error = ask(http, ChatRequest::new("").user("Hi")).await.unwrap_err();
    assert!(matches!(error, ModelError::InvalidRequest(_)), "{error:?}");
    assert!(sent.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_signer_sees_the_complete_request() {
    let config = BedrockConfig::signed("us-east-1", |request| {
        let length = request.body().len();
        let signature = format!("{} {} {length}", request.method(), request.uri().path());
        request.headers_mut().insert("authorization", signature.parse()?);
        Ok(())
    });
    let (http, sent) = answering(200, &[("content-type", "application/json")], WHOLE);
    let model = BedrockLayer::new(config).layer(http);
    model.oneshot(hello(false)).await.unwrap().collect_result().await.unwrap();
    let sent = sent.lock().unwrap().pop().unwrap();
    let length = sent.body().len();
    let expected = format!("POST /model/us.anthropic.claude-haiku-4-5-v1%3A0/converse {length}");
    assert_eq!(sent.headers()["authorization"], expected);
    assert_eq!(sent.headers()["content-type"], "application/json");

    let config = BedrockConfig::signed("us-east-1", |_| Err("no credentials".into()));
    let (http, sent) = answering(200, &[], WHOLE);
    let error = BedrockLayer::new(config).layer(http).oneshot(hello(false)).await.unwrap_err();
    let ModelError::Transport(error) = error else { panic!("{error:?}") };
    assert_eq!(error.to_string(), "no credentials");
    assert!(sent.lock().unwrap().is_empty());
}

#[tokio::test]
async fn errors_have_their_code_and_ids() {
    let headers = [
        ("x-amzn-errortype", "ThrottlingException:http://internal.amazon.com/"),
        ("x-amzn-requestid", "req-1"),
        ("retry-after", "3"),
    ];
    let (http, _) = answering(429, &headers, br#"{"message":"Too many tokens."}"#);
    let error = ask(http, hello(true)).await.unwrap_err();
    assert_eq!((error.status(), error.code()), (Some(429), Some("ThrottlingException")));
    assert_eq!(error.request_id(), Some("req-1"));
    assert_eq!(error.retry_after(), Some(std::time::Duration::from_secs(3)));
    assert!(error.is_retryable());

    let body = [
        frames::event("messageStart", r#"{"role":"assistant"}"#),
        frames::exception("modelStreamErrorException", r#"{"message":"Lost."}"#),
    ];
    let headers =
        [("content-type", "application/vnd.amazon.eventstream"), ("x-amzn-requestid", "req-2")];
    let (http, _) = answering(200, &headers, &body.concat());
    let error = ask(http, hello(true)).await.unwrap_err();
    assert_eq!(error.code(), Some("modelStreamErrorException"));
    assert_eq!(error.request_id(), Some("req-2"));
}

/// The blocks of an answer: all kinds that the next request repeats.
fn blocks() -> Vec<Value> {
    let citation = json!({"title": "facts", "location": {"documentChar": {"documentIndex": 0}}});
    vec![
        json!({"reasoningContent": {"reasoningText": {"text": "One.", "signature": "s1"}}}),
        json!({"reasoningContent": {"redactedContent": "c2VjcmV0"}}),
        json!({"reasoningContent": {"reasoningText": {"text": "Two.", "signature": "s2"}}}),
        json!({"text": "I search. "}),
        json!({"toolUse": {"toolUseId": "t1", "name": "search", "type": "server_tool_use", "input": {"q": "x"}}}),
        json!({"toolResult": {"toolUseId": "t1", "type": "search_result", "status": "success",
            "content": [{"text": "found"}]}}),
        json!({"text": "So: "}),
        json!({"citationsContent": {"content": [{"text": "Ruby is old."}], "citations": [citation]}}),
        json!({"text": " Bye."}),
        json!({"toolUse": {"toolUseId": "t2", "name": "get_weather", "input": {"city": "Oslo"}}}),
    ]
}

/// The events of the blocks, as `ConverseStream` sends them: texts have no start.
fn streamed() -> Vec<u8> {
    let mut all = frames::event("messageStart", r#"{"role":"assistant","p":"ab"}"#);
    for (index, block) in blocks().iter().enumerate() {
        let mut event = |name: &str, member: &str, value: Value| {
            let json = json!({"contentBlockIndex": index, member: value, "p": "abc"});
            all.extend(frames::event(name, &json.to_string()));
        };
        let mut start = block.clone();
        if let Some(call) = start["toolUse"].as_object_mut() {
            let input = call.remove("input").unwrap().to_string();
            event("contentBlockStart", "start", json!({"toolUse": start["toolUse"]}));
            for piece in [&input[..3], &input[3..]] {
                event("contentBlockDelta", "delta", json!({"toolUse": {"input": piece}}));
            }
        } else if let Some(result) = start["toolResult"].as_object_mut() {
            let content = result.remove("content").unwrap();
            event("contentBlockStart", "start", json!({"toolResult": start["toolResult"]}));
            event("contentBlockDelta", "delta", json!({"toolResult": content}));
        } else {
            let reasoning = &block["reasoningContent"];
            let cited = &block["citationsContent"];
            let text =
                [&block["text"], &reasoning["reasoningText"]["text"], &cited["content"][0]["text"]];
            if cited.is_object() {
                event("contentBlockDelta", "delta", json!({"citation": cited["citations"][0]}));
            }
            for piece in
                text.iter().filter_map(|it| it.as_str()).flat_map(|it| it.split_inclusive(' '))
            {
                let delta = match reasoning.is_object() {
                    true => json!({"reasoningContent": {"text": piece}}),
                    false => json!({"text": piece}),
                };
                event("contentBlockDelta", "delta", delta);
            }
            for (name, value) in [
                ("signature", &reasoning["reasoningText"]["signature"]),
                ("redactedContent", &reasoning["redactedContent"]),
            ] {
                if value.is_string() {
                    event("contentBlockDelta", "delta", json!({"reasoningContent": {name: value}}));
                }
            }
        }
        let json = json!({"contentBlockIndex": index, "p": "a"});
        all.extend(frames::event("contentBlockStop", &json.to_string()));
    }
    all.extend(frames::event("messageStop", r#"{"stopReason":"tool_use"}"#));
    let usage =
        r#"{"usage":{"inputTokens":3,"outputTokens":5,"totalTokens":8},"metrics":{"latencyMs":1}}"#;
    all.extend(frames::event("metadata", usage));
    all
}

#[tokio::test]
async fn answers_are_repeated_as_they_were() {
    let whole = json!({"output": {"message": {"role": "assistant", "content": blocks()}},
        "stopReason": "tool_use", "usage": {"inputTokens": 3, "outputTokens": 5}});
    for (content_type, body) in [
        ("application/json", whole.to_string().into_bytes()),
        ("application/vnd.amazon.eventstream", streamed()),
    ] {
        let stream = content_type != "application/json";
        let (http, _) = answering(200, &[("content-type", content_type)], &body);
        let answer = ask(http, hello(stream)).await.unwrap();
        assert_eq!(answer.choices[0].reasoning, "One.Two.");
        assert_eq!(answer.text(), "I search. So: Ruby is old. Bye.");
        assert_eq!(answer.choices[0].tool_calls.len(), 1);
        assert_eq!(answer.usage.as_ref().unwrap().input_tokens, Some(3));
        let first = answer.choices[0].blocks().next();
        assert!(matches!(first, Some(Block::Reasoning { signature: Some("s1"), .. })), "{first:?}");

        let (http, sent) = answering(200, &[("content-type", "application/json")], WHOLE);
        let request = hello(false)
            .message(Message::from(&answer))
            .message(Message::tool_result("t2", "18"))
            .user("Go on.");
        ask(http, request).await.unwrap();
        let sent: Value = serde_json::from_slice(sent.lock().unwrap()[0].body()).unwrap();
        assert_eq!(sent["messages"][1]["content"], json!(blocks()), "{content_type}");
        // Roles alternate.
        let result = json!({"toolResult": {"toolUseId": "t2", "content": [{"text": "18"}]}});
        let last = json!({"role": "user", "content": [result, {"text": "Go on."}]});
        assert_eq!(sent["messages"][2], last);
    }
}
