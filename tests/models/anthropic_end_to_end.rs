//! Callbacks on Anthropic's wire format, end to end: from the bytes of an HTTP body to events.

use std::convert::Infallible;

use bytes::Bytes;
use futures::StreamExt;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use serde_json::json;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, ErrorKind, EventKind, Registration, Run, TokenKind, Usage,
    chat::{self, ChatRequest, ModelError},
    model::anthropic::{AnthropicConfig, AnthropicLayer},
    testing::{Recorder, assert_promises},
};

type Body = BoxBody<Bytes, BoxError>;

const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-test","content":[],"stop_reason":null,"usage":{"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":1}}}"#;

fn events(events: &[&str]) -> String {
    let event = |json: &&str| {
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        format!("event: {}\ndata: {json}\n\n", value["type"].as_str().unwrap())
    };
    events.iter().map(event).collect()
}

fn text(index: u32, text: &str) -> String {
    json!({"type": "content_block_delta", "index": index,
           "delta": {"type": "text_delta", "text": text}})
    .to_string()
}

fn answer() -> String {
    let thinking = json!({"type": "content_block_delta", "index": 0,
        "delta": {"type": "thinking_delta", "thinking": "A joke."}})
    .to_string();
    let tool = json!({"type": "content_block_start", "index": 2,
        "content_block": {"type": "tool_use", "id": "toolu_1", "name": "laugh", "input": {}}})
    .to_string();
    let arguments = json!({"type": "content_block_delta", "index": 2,
        "delta": {"type": "input_json_delta", "partial_json": "{\"loud\":true}"}})
    .to_string();
    let delta = json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"},
        "usage": {"output_tokens": 20}})
    .to_string();
    events(&[
        START,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}"#,
        r#"{"type":"ping"}"#,
        &thinking,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
        &text(1, "Grü"),
        &text(1, "ße"),
        r#"{"type":"content_block_stop","index":1}"#,
        &tool,
        &arguments,
        r#"{"type":"content_block_stop","index":2}"#,
        &delta,
        r#"{"type":"message_stop"}"#,
    ])
}

/// A body in frames of `piece` bytes.
fn body(text: &str, piece: usize) -> Body {
    let pieces: Vec<_> = text.as_bytes().chunks(piece).map(Bytes::copy_from_slice).collect();
    let frames = futures::stream::iter(pieces).map(|bytes| Ok::<_, BoxError>(Frame::data(bytes)));
    BodyExt::boxed(StreamBody::new(frames))
}

/// Makes a call with a recorder for each delivery. Returns the recorders and the consumer's outcome.
async fn call(
    status: u16,
    make: impl Fn() -> Body + Clone + Send + Sync + 'static,
    take: Option<usize>,
) -> (Vec<Recorder>, Result<chat_result::Outcome, BoxError>) {
    let http = service_fn(move |_request: Request<Full<Bytes>>| {
        assert!(Run::current().is_some(), "the HTTP client is called inside the run");
        let response = Response::builder()
            .status(status)
            .header(
                "content-type",
                if status == 200 { "text/event-stream" } else { "application/json" },
            )
            .header("request-id", "req_1")
            .body(make());
        async move { Ok::<_, Infallible>(response.unwrap()) }
    });
    let recorders: Vec<Recorder> = (0..4).map(|_| Recorder::new()).collect();
    let callbacks = Callbacks::new()
        .inline(recorders[0].clone())
        .blocking(recorders[1].clone())
        .async_handler(recorders[2].clone())
        .add(Registration::async_handler(recorders[3].clone()).lockstep());
    let config = AnthropicConfig::new("sk-ant-secret").base_url("http://127.0.0.1:9");
    let mut model = ServiceBuilder::new()
        .layer(CallbackLayer::new(callbacks.clone()))
        .layer(AnthropicLayer::new(config))
        .service(http);
    let request = ChatRequest::new("claude-test").max_tokens(100).user("Tell me a joke");
    let outcome = async {
        let mut stream = model.ready().await?.call(request).await?;
        match take {
            None => Ok(chat_result::Outcome::Read(Box::new(chat::collect(stream).await?))),
            Some(items) => {
                for _ in 0..items {
                    stream.next().await.expect("the stream has more items")?;
                }
                Ok(chat_result::Outcome::Dropped)
            }
        }
    }
    .await;
    let report = callbacks.flush(std::time::Duration::from_secs(20)).await;
    assert!(report.is_complete(), "{report:?}");
    for recorder in &recorders {
        assert_promises(&recorder.events());
        assert_eq!(recorder.terminals().len(), 1);
    }
    (recorders, outcome)
}

mod chat_result {
    #[derive(Debug)]
    pub(crate) enum Outcome {
        Read(Box<tower_llm_callbacks::LlmResult>),
        Dropped,
    }
}

#[tokio::test]
async fn an_answer_may_be_cut_anywhere() {
    for piece in [1, 2, 3, 7, 64, 4096] {
        let (recorders, outcome) = call(200, move || body(&answer(), piece), None).await;
        let Ok(chat_result::Outcome::Read(read)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(read.text(), "Grüße");
        for recorder in recorders {
            let events = recorder.events();
            let end = events.last().unwrap();
            assert_eq!(end.kind(), EventKind::LlmEnd);
            let result = end.result().unwrap();
            assert_eq!(result.choices, read.choices);
            assert_eq!(result.usage, Some(Usage::new(15, 20).cached(5, None)));
            assert_eq!(result.model.as_deref(), Some("claude-test"));
            assert_eq!(result.response_id.as_deref(), Some("msg_1"));
            assert_eq!(result.choices[0].reasoning, "A joke.");
            assert_eq!(result.choices[0].finish_reason.as_deref(), Some("tool_use"));
            assert_eq!(result.choices[0].tool_calls[0].arguments, "{\"loud\":true}");
            assert!(result.time_to_first_token.is_some());
            let kinds: Vec<_> = events
                .iter()
                .filter_map(|event| match &event.data {
                    tower_llm_callbacks::EventData::LlmNewToken(token) => Some(token.kind()),
                    _ => None,
                })
                .collect();
            use TokenKind::{Reasoning, Text, ToolCall};
            assert_eq!(kinds, [Reasoning, Text, Text, ToolCall, ToolCall]);
        }
    }
}

#[tokio::test]
async fn a_truncated_answer() {
    let cut = |text: String| text[..text.find("event: message_delta").unwrap()].to_owned();
    let (recorders, outcome) = call(200, move || body(&cut(answer()), 100), None).await;
    let error = outcome.unwrap_err();
    assert!(matches!(error.downcast_ref::<ModelError>(), Some(ModelError::Truncated)), "{error}");
    for recorder in recorders {
        let terminal = &recorder.terminals()[0];
        assert_eq!(terminal.error().unwrap().kind(), ErrorKind::Truncated);
        assert_eq!(terminal.result().unwrap().text(), "Grüße");
    }
}

#[tokio::test]
async fn an_error_in_the_stream() {
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let stream = events(&[START, &text(0, "Why"), error]);
    let (recorders, outcome) = call(200, move || body(&stream, 50), None).await;
    assert_eq!(outcome.unwrap_err().source().unwrap().to_string(), "Overloaded");
    for recorder in recorders {
        let terminal = &recorder.terminals()[0];
        let error = terminal.error().unwrap();
        assert_eq!(error.kind(), ErrorKind::Provider);
        assert_eq!(error.provider_code(), Some("overloaded_error"));
        assert_eq!(error.result().unwrap().text(), "Why");
        assert_eq!(error.result().unwrap().usage.as_ref().unwrap().input_tokens, Some(15));
    }
}

#[tokio::test]
async fn an_http_error() {
    let envelope = r#"{"type":"error","error":{"type":"rate_limit_error","message":"Slow down"}}"#;
    let (recorders, outcome) = call(429, move || body(envelope, 10), None).await;
    let error = outcome.unwrap_err();
    let model_error = error.downcast_ref::<ModelError>().unwrap();
    assert_eq!(model_error.provider().unwrap().request_id.as_deref(), Some("req_1"));
    for recorder in recorders {
        let error = recorder.terminals()[0].error().cloned().unwrap();
        assert_eq!((error.kind(), error.status()), (ErrorKind::Provider, Some(429)));
        assert_eq!(error.provider_code(), Some("rate_limit_error"));
    }
}

#[tokio::test]
async fn drop_ends_cancelled_until_the_finish_reason_was_read() {
    let chunks = {
        let (recorders, _) = call(200, || body(&answer(), 100), None).await;
        drop(recorders);
        // Response, usage, reasoning, 2 texts, 2 of the tool call, usage, finish, done.
        10
    };
    for take in 0..=chunks {
        let (recorders, outcome) = call(200, || body(&answer(), 1), Some(take)).await;
        assert!(matches!(outcome, Ok(chat_result::Outcome::Dropped)), "{take}: {outcome:?}");
        for recorder in recorders {
            let terminal = &recorder.terminals()[0];
            let expected = if take + 1 >= chunks { None } else { Some(ErrorKind::Cancelled) };
            assert_eq!(terminal.error().map(|error| error.kind()), expected, "after {take}");
            assert_eq!(terminal.result().unwrap().text(), recorder_text(&recorder));
        }
    }
}

/// The concatenated text tokens.
fn recorder_text(recorder: &Recorder) -> String {
    let events = recorder.events();
    let tokens = events.iter().filter_map(|event| match &event.data {
        tower_llm_callbacks::EventData::LlmNewToken(token) if token.kind() == TokenKind::Text => {
            Some(token.text().to_owned())
        }
        _ => None,
    });
    tokens.collect()
}

/// A body's error is often wrapped in an `io::Error`, whose `source()` skips the wrapped error.
#[tokio::test]
async fn a_providers_error_inside_an_io_error() {
    let error = tower_llm_callbacks::ProviderError::new("Overloaded").status(529);
    let recorder = Recorder::new();
    let model = service_fn(move |_request: ChatRequest| {
        let error = std::io::Error::other(error.clone());
        async move { Err::<chat::ChatStream, _>(error) }
    });
    let mut model = CallbackLayer::new(Callbacks::new().inline(recorder.clone())).layer(model);
    let error = model.ready().await.unwrap().call(ChatRequest::new("any")).await.unwrap_err();
    assert!(error.is::<std::io::Error>(), "the error is unchanged");
    let terminal = recorder.terminals()[0].error().cloned().unwrap();
    assert_eq!((terminal.kind(), terminal.status()), (ErrorKind::Provider, Some(529)));
}

/// The services compose in the other order too: no type in between is private.
#[test]
fn layers_can_be_named() {
    fn layered<S: Clone>(
        http: S,
    ) -> tower_llm_callbacks::layer::CallbackService<
        tower_llm_callbacks::model::anthropic::AnthropicModel<S>,
    > {
        let config = AnthropicConfig::new("key");
        CallbackLayer::new(Callbacks::new()).layer(AnthropicLayer::new(config).layer(http))
    }
    let _ = layered(());
}
