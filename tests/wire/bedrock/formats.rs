use super::Boxed;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};
use support::wire::decode;
use tower_llm_callbacks::{
    Delta, LlmStart, RunType,
    wire::{
        Format, LlmHttpRequest, LlmHttpResponse,
        bedrock::{BedrockConverse, BedrockInvoke},
    },
};

fn start(format: &dyn Format, uri: &str, body: &Value) -> LlmStart {
    let (uri, headers): (Uri, _) = (uri.parse().unwrap(), HeaderMap::new());
    let body = Bytes::from(body.to_string());
    format.start(&LlmHttpRequest::new(&Method::POST, &uri, &headers, &body))
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| {
        (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
    });
    pairs.collect()
}

#[test]
fn requests_of_converse() {
    let body = json!({
        "system": [{"text": "Be brief"}],
        "messages": [{"role": "user", "content": [
            {"text": "Hi"},
            {"image": {"format": "png", "source": {"bytes": "CANARY".repeat(20)}}},
        ]}],
        "inferenceConfig": {"maxTokens": 5},
        "toolConfig": {"tools": [{"toolSpec": {"name": "f"}}]},
    });
    let uri = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Feu.a.b-v1%3A0/converse";
    let start = start(&BedrockConverse, uri, &body);
    assert_eq!((&*start.provider, &*start.api, start.stream), ("aws.bedrock", "converse", false));
    let model = "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.a.b-v1:0";
    assert_eq!(start.model.as_deref(), Some(model));
    let messages = start.messages.get().unwrap();
    assert_eq!(messages[0], json!({"role": "system", "content": [{"text": "Be brief"}]}));
    assert_eq!(messages[1]["content"][0], json!({"text": "Hi"}));
    assert!(!messages.to_string().contains("CANARY"), "{messages}");
    let params: Vec<_> = start.params.keys().collect();
    assert_eq!(params, ["inferenceConfig", "toolConfig"]);
}

#[test]
fn requests_of_invocations() {
    let user = |text: &str| json!([{"role": "user", "content": text}]);
    let messages = json!([{"role": "user", "content": "Hi"}]);
    for (body, prompt, params) in [
        (
            json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 5, "system": "S", "messages": messages}),
            json!([{"role": "system", "content": "S"}, {"role": "user", "content": "Hi"}]),
            vec!["anthropic_version", "max_tokens"],
        ),
        (json!({"prompt": "Hi", "max_gen_len": 5}), user("Hi"), vec!["max_gen_len"]),
        (
            json!({"inputText": "Hi", "textGenerationConfig": {"topP": 1}}),
            user("Hi"),
            vec!["textGenerationConfig"],
        ),
        (
            json!({"message": "Hi", "preamble": "S", "chat_history": [{"role": "USER", "message": "before"}]}),
            json!([
                {"role": "system", "content": "S"},
                {"role": "USER", "message": "before"},
                {"role": "user", "content": "Hi"},
            ]),
            vec![],
        ),
    ] {
        let start = start(&BedrockInvoke, "/model/a.b/invoke-with-response-stream", &body);
        assert_eq!((&*start.provider, &*start.api), ("aws.bedrock", "invoke"));
        assert_eq!((start.model.as_deref(), start.stream), (Some("a.b"), true));
        assert_eq!(start.messages.get(), Some(&prompt));
        assert_eq!(start.params.keys().collect::<Vec<_>>(), params);
        assert_eq!(start.inputs, None);
    }
}

#[test]
fn media_are_content_without_their_data() {
    let media = json!({"base64String": "CANARY".repeat(100)});
    for (body, prompt) in [
        (
            json!({"inputPrompt": "What?", "mediaSource": media, "temperature": 0}),
            json!([
                {"role": "user", "content": "What?"},
                {"role": "user", "mediaSource": {"base64String": "[redacted, 600 characters]"}},
            ]),
        ),
        (
            json!({"text_image": {"inputText": "a", "mediaSource": media}, "temperature": 0}),
            json!([{"role": "user", "text_image": {"inputText": "a", "mediaSource": {"base64String": "[redacted, 600 characters]"}}}]),
        ),
        (
            json!({"prompt": "a", "control_image": media["base64String"], "temperature": 0}),
            json!([
                {"role": "user", "content": "a"},
                {"role": "user", "control_image": "[redacted, 600 characters]"},
            ]),
        ),
        (
            json!({"prompt": "a", "temperature": 0, "other": media}),
            json!([{"role": "user", "content": "a"}]),
        ),
    ] {
        let start = start(&BedrockInvoke, "/model/a.b/invoke", &body);
        assert_eq!(start.messages.get(), Some(&prompt));
        assert_eq!(start.params["temperature"], 0);
        assert!(!json!(start.params).to_string().contains("CANARY"));
    }
}

#[test]
fn requests_for_other_outputs() {
    let image = json!({"inputImage": "CANARY".repeat(20), "inputText": "Hi"});
    let texts = json!({"texts": ["a", "b"], "input_type": "search_document"});
    let ranked = json!({"query": "q", "documents": ["a", "b", "c"], "api_version": 2});
    let canvas = json!({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a cat"}});
    // A name says what is called, or the body where an ARN hides the name.
    let hidden = "arn:aws:bedrock:eu-west-1:1:application-inference-profile%2Fa1b2c3";
    let deployed = "arn:aws:sagemaker:us-east-1:1:endpoint%2Fmine";
    for (model, body, run_type, inputs) in [
        ("cohere.embed-english-v3", &texts, RunType::Embedding, 2),
        (hidden, &texts, RunType::Embedding, 2),
        ("amazon.titan-embed-image-v1", &image, RunType::Embedding, 1),
        (hidden, &image, RunType::Embedding, 1),
        (hidden, &json!({"inputText": "Hi", "dimensions": 256}), RunType::Embedding, 1),
        (
            hidden,
            &json!({"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {"text": {"value": "Hi"}}}),
            RunType::Embedding,
            1,
        ),
        ("cohere.rerank-v3-5%3A0", &ranked, RunType::Rerank, 3),
        (deployed, &ranked, RunType::Rerank, 3),
        ("amazon.nova-canvas-v1:0", &canvas, RunType::Image, 1),
        (hidden, &canvas, RunType::Image, 1),
        (hidden, &json!({"text_prompts": [{"text": "a cat"}]}), RunType::Image, 1),
    ] {
        let uri = format!("/model/{model}/invoke");
        assert_eq!(run_type_of(&uri, body), Some(run_type), "{uri} {body}");
        let start = start(&BedrockInvoke, &uri, body);
        assert_eq!((start.inputs, start.stream), (Some(inputs), false));
        let seen = format!("{:?} {:?}", start.messages.get(), start.params);
        assert!(!seen.contains("CANARY"), "{seen}");
    }
    let chat = json!({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5});
    let grounded = json!({"message": "Hi", "documents": [{"text": "a"}]});
    let titan = json!({"inputText": "Hi", "textGenerationConfig": {}});
    for (model, body) in [
        (hidden, &chat),
        (hidden, &grounded),
        (hidden, &titan),
        (hidden, &json!({"prompt": "Hi"})),
        ("amazon.titan-text-express-v1", &json!({"inputText": "Hi"})),
    ] {
        let uri = format!("/model/{model}/invoke");
        assert_eq!(run_type_of(&uri, body), Some(RunType::Llm), "{uri} {body}");
        assert_eq!(start(&BedrockInvoke, &uri, body).inputs, None, "{uri} {body}");
    }
}

fn run_type_of(uri: &str, body: &Value) -> Option<RunType> {
    let (uri, headers): (Uri, _) = (uri.parse().unwrap(), HeaderMap::new());
    let body = Bytes::from(body.to_string());
    let call = LlmHttpRequest::new(&Method::POST, &uri, &headers, &body);
    assert!(BedrockInvoke.matches(&Method::POST, &call.path()));
    BedrockInvoke.describe(&call).run_type()
}

#[test]
fn other_operations_are_no_calls() {
    for path in [
        "/model/a.b/count-tokens",
        "/model/a.b/invoke-with-bidirectional-stream",
        "/async-invoke",
        "/guardrail/g/version/1/apply",
        "/model/converse",
    ] {
        assert!(!BedrockConverse.matches(&Method::POST, path), "{path}");
        assert!(!BedrockInvoke.matches(&Method::POST, path), "{path}");
    }
    assert!(!BedrockConverse.matches(&Method::GET, "/model/a/converse"));
}

#[test]
fn the_head_of_an_error_has_its_kind() {
    let read = |pairs: &[(&'static str, &'static str)], body: &[u8]| {
        let headers = headers(pairs);
        let response = LlmHttpResponse::new(StatusCode::BAD_REQUEST, &headers);
        let error = BedrockConverse.error_response(&response, body);
        assert_eq!(error, BedrockInvoke.error_response(&response, body));
        assert_eq!(error.status, Some(400));
        let text = |it: Option<std::sync::Arc<str>>| it.as_deref().map(str::to_owned);
        (error.message.to_string(), text(error.code), text(error.request_id))
    };
    let expected = |message: &str, code: Option<&str>, id: Option<&str>| {
        (message.to_owned(), code.map(str::to_owned), id.map(str::to_owned))
    };
    let (kind, id) = ("x-amzn-errortype", "x-amzn-requestid");
    assert_eq!(
        read(&[(kind, "ValidationException:http://internal/"), (id, "r1")], br#"{"message":"No"}"#),
        expected("No", Some("ValidationException"), Some("r1"))
    );
    assert_eq!(
        read(&[], br#"{"__type":"com.amazon.coral#ThrottlingException","Message":"Slow"}"#),
        expected("Slow", Some("ThrottlingException"), None)
    );
    assert_eq!(read(&[], br#"{"message":"No"}"#), expected("No", None, None));
}

#[test]
fn aborts_have_the_shape_of_an_error() {
    for (status, kind) in [
        (403, "AccessDeniedException"),
        (400, "ValidationException"),
        (429, "ThrottlingException"),
        (500, "InternalServerException"),
        (503, "ServiceUnavailableException"),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let body: Value =
            serde_json::from_slice(&BedrockConverse.error_body(status, "over budget")).unwrap();
        assert_eq!(body, json!({"__type": kind, "message": "over budget"}));
    }
}

#[test]
fn the_head_of_an_answer_completes_it() {
    let request = LlmStart::new("aws.bedrock", "invoke").model("m").stream(false);
    let all = headers(&[
        ("content-type", "application/json"),
        ("x-amzn-requestid", "r1"),
        ("x-amzn-bedrock-input-token-count", "5"),
        ("x-amzn-bedrock-output-token-count", "7"),
        ("x-amzn-bedrock-cache-read-input-token-count", "100"),
        ("x-amzn-bedrock-service-tier", "flex"),
    ]);
    let response = LlmHttpResponse::new(StatusCode::OK, &all).request(&request);
    let sum = |format: &dyn Format, body: &str| {
        let mut sum = tower_llm_callbacks::event::Accumulator::new();
        let decoder = format.decoder(&response);
        for delta in decode(Boxed(decoder), [body.as_bytes()], b"") {
            sum.delta(&delta);
        }
        sum.finish()
    };
    let text = sum(&BedrockInvoke, r#"{"outputs":[{"text":"Hi","stop_reason":"stop"}]}"#);
    let usage = text.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens), (Some(105), Some(7)));
    assert_eq!(usage.service_tier.as_deref(), Some("flex"));
    assert_eq!(text.model.as_deref(), Some("m"));
    // What the body says precedes.
    let message = r#"{"type":"message","id":"msg","model":"claude","content":[],"usage":{"input_tokens":1,"output_tokens":2}}"#;
    let message = sum(&BedrockInvoke, message);
    assert_eq!(message.model.as_deref(), Some("claude"));
    assert_eq!(message.usage.unwrap().input_tokens, Some(1));
    let converse = sum(&BedrockConverse, r#"{"output":{"message":{"content":[]}}}"#);
    assert_eq!(
        (converse.response_id.as_deref(), converse.model.as_deref()),
        (Some("r1"), Some("m"))
    );
}

/// A body that is declared to be an event stream is one, even if its first byte is damaged.
#[test]
fn a_declared_stream_is_read_whatever_it_begins_with() {
    let declared = headers(&[("content-type", "application/vnd.amazon.eventstream")]);
    let response = LlmHttpResponse::new(StatusCode::OK, &declared);
    let body = [
        support::frames::event("messageStart", "{}"),
        support::frames::event(
            "contentBlockDelta",
            r#"{"contentBlockIndex":0,"delta":{"text":"Hi"}}"#,
        ),
    ]
    .concat();
    for bit in 0..8 {
        let mut damaged = body.clone();
        damaged[0] ^= 1 << bit;
        let deltas = decode(Boxed(BedrockConverse.decoder(&response)), [&damaged[..]], b"");
        assert!(deltas.ends_with(&[Delta::text("Hi")]), "{deltas:?}");
        assert!(deltas.starts_with(&[Delta::DecodeFault]), "{deltas:?}");
    }
}
