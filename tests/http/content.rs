//! Content capture: both layers emit the same part of prompts and answers.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use support::http::{Scripted, event_stream, json, post};
use support::{MODES, Mode, PATIENCE, on_each_runtime};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, ContentCapture, ErrorKind, EventData, HttpCallbackLayer, LlmStart,
    ProviderError, Registration, TokenKind,
    chat::ChatRequest,
    http_layer::RequestBody,
    model::anthropic::{AnthropicConfig, AnthropicLayer},
    testing::{Recorded, Recorder, Script, ScriptedModel, assert_promises},
};

use ContentCapture::{Full as All, Limited, Off};

/// Pieces with characters of one to four bytes.
const TEXTS: [&str; 4] = ["Hé", "ll", "ö 🦀", "!"];
const TEXT: &str = "Héllö 🦀!";
const THOUGHT: &str = "Thinking hard";
const ARGUMENTS: [&str; 3] = ["{\"city\":", "\"Zürich\"", "}"];

fn event(kind: &str, more: &Value) -> String {
    let mut data = json!({"type": kind});
    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    format!("event: {kind}\ndata: {data}\n\n")
}

fn delta(index: u32, delta: &Value) -> String {
    event("content_block_delta", &json!({"index": index, "delta": delta}))
}

fn answer() -> Vec<String> {
    let usage = json!({"input_tokens": 3, "output_tokens": 1});
    let message = json!({"id": "msg_1", "model": "claude", "usage": usage});
    let mut events = vec![event("message_start", &json!({"message": message}))];
    events.push(delta(0, &json!({"type": "thinking_delta", "thinking": THOUGHT})));
    events.extend(TEXTS.map(|text| delta(1, &json!({"type": "text_delta", "text": text}))));
    let block = json!({"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}});
    events.push(event("content_block_start", &json!({"index": 2, "content_block": block})));
    let fragments = ARGUMENTS.map(|part| json!({"type": "input_json_delta", "partial_json": part}));
    events.extend(fragments.map(|fragment| delta(2, &fragment)));
    let stop = json!({"delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 12}});
    events.push(event("message_delta", &stop));
    events.push(event("message_stop", &json!({})));
    events
}

const LONG: &str =
    "a parameter that is longer than any word that is emitted when content capture is switched off";

fn request_json() -> Value {
    json!({
        "model": "claude", "max_tokens": 9, "stream": true, "temperature": 0.5,
        "system": "Be brief, bitte schön", "messages": [{"role": "user", "content": "Grüezi mitenand"}],
        "tool_choice": {"type": "any"}, "note": LONG, "word": "wörd",
    })
}

/// The events of a call through either layer with this content capture.
async fn events_of(
    content: ContentCapture,
    mode: Mode,
    typed: bool,
    answer: Response<Scripted>,
) -> Vec<Recorded> {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().add(mode.handler(recorder.clone()));
    if typed {
        let client = service_fn(move |_: Request<Full<Bytes>>| {
            std::future::ready(Ok::<_, BoxError>(answer.clone()))
        });
        let model = AnthropicLayer::new(AnthropicConfig::new("key")).layer(client);
        let mut model = CallbackLayer::new(callbacks.clone()).content(content).layer(model);
        let request_json = request_json();
        let mut request = ChatRequest::new("claude").max_tokens(9).temperature(0.5);
        request = request.system("Be brief, bitte schön").user("Grüezi mitenand");
        for name in ["tool_choice", "note", "word"] {
            request = request.param(name, request_json[name].clone());
        }
        if let Ok(stream) = model.ready().await.unwrap().call(request).await {
            support::read(stream).await;
        }
    } else {
        let layer = HttpCallbackLayer::new(callbacks.clone()).content(content);
        let inner = service_fn(move |_: Request<RequestBody<Full<Bytes>>>| {
            std::future::ready(Ok::<_, BoxError>(answer.clone()))
        });
        let request = post(Full::from(request_json().to_string()));
        let response = layer.layer(inner).call(request).await.unwrap();
        let _ = response.into_body().collect().await;
    }
    assert!(callbacks.flush(PATIENCE).await.is_complete());
    let events = recorder.events();
    assert_promises(&events);
    events
}

fn start(events: &[Recorded]) -> &LlmStart {
    let EventData::LlmStart(start) = &events[0].data else { panic!("{events:?}") };
    start
}

/// A prefix of `text` within the limit, cut at a char boundary.
fn first(text: &str, content: ContentCapture) -> &str {
    let limit = match content {
        All => text.len(),
        Limited(limit) => limit.min(text.len()),
        Off => 0,
    };
    let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end)).unwrap();
    &text[..end]
}

const CAPTURES: [ContentCapture; 9] = [
    All,
    Off,
    Limited(0),
    Limited(1),
    Limited(2),
    Limited(3),
    Limited(8),
    Limited(9),
    Limited(1000),
];

#[test]
fn streamed_answers_are_captured_up_to_the_limit() {
    on_each_runtime(|| async {
        for (content, typed) in CAPTURES.into_iter().flat_map(|all| [(all, true), (all, false)]) {
            for mode in [Mode::Inline, MODES[1], MODES[5]] {
                let answer = event_stream(Scripted::chunks(answer()));
                let events = events_of(content, mode, typed, answer).await;
                let result = events.last().unwrap().result().unwrap();
                let choice = &result.choices[0];
                let arguments = ARGUMENTS.concat();
                assert_eq!(choice.text, first(TEXT, content), "{content:?} {typed}");
                assert_eq!(choice.reasoning, first(THOUGHT, content));
                assert_eq!(choice.tool_calls[0].arguments, first(&arguments, content));
                // Fields that are not content are kept.
                let call = &choice.tool_calls[0];
                assert_eq!((&*call.name, &*call.id), ("weather", "toolu_1"));
                assert_eq!(choice.finish_reason.as_deref(), Some("tool_use"));
                assert_eq!(result.usage.as_ref().unwrap().output_tokens, Some(12));
                assert_eq!(result.tokens, 9);
                assert_eq!(result.response_id.as_deref(), Some("msg_1"));
                // Token texts add up to the answer's, and every token is counted.
                let mut texts = [String::new(), String::new(), String::new()];
                let mut tokens = 0;
                for event in &events {
                    let EventData::LlmNewToken(token) = &event.data else { continue };
                    assert_eq!(token.index(), tokens);
                    tokens += 1;
                    let to = match token.kind() {
                        TokenKind::Text => 0,
                        TokenKind::Reasoning => 1,
                        _ => 2,
                    };
                    texts[to].push_str(token.text());
                }
                assert_eq!(tokens, 9);
                let added = [&*choice.text, &choice.reasoning, &call.arguments];
                assert_eq!(texts.each_ref().map(|text| &**text), added, "{content:?}");
            }
        }
    });
}

#[test]
fn unstreamed_answers_are_captured_up_to_the_limit() {
    on_each_runtime(|| async {
        let call = json!({"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Zürich"}});
        let thought = json!({"type": "thinking", "thinking": THOUGHT});
        let whole = json!({
            "type": "message", "id": "msg_1", "model": "claude", "stop_reason": "tool_use",
            "content": [thought, {"type": "text", "text": TEXT}, call],
            "usage": {"input_tokens": 3, "output_tokens": 12},
        });
        for content in CAPTURES {
            let answer = json(200, Scripted::chunks([whole.to_string()]));
            let events = events_of(content, Mode::Inline, false, answer).await;
            let result = events.last().unwrap().result().unwrap();
            let choice = &result.choices[0];
            assert_eq!(choice.text, first(TEXT, content));
            assert_eq!(choice.reasoning, first(THOUGHT, content));
            let arguments = r#"{"city":"Zürich"}"#;
            assert_eq!(choice.tool_calls[0].arguments, first(arguments, content));
            assert_eq!((result.streamed, result.tokens), (false, 0));
        }
    });
}

#[test]
fn requests_are_captured_up_to_the_limit() {
    on_each_runtime(|| async {
        for (content, typed) in CAPTURES.into_iter().flat_map(|all| [(all, true), (all, false)]) {
            let answer = event_stream(Scripted::chunks(answer()));
            let events = events_of(content, Mode::Inline, typed, answer).await;
            let start = start(&events);
            assert_eq!(start.model.as_deref(), Some("claude"));
            assert_eq!(start.params["max_tokens"], 9);
            assert_eq!(start.params["temperature"], 0.5);
            if content == Off {
                assert!(start.messages.get().is_none());
                assert!(
                    !start.params.contains_key("note") && !start.params.contains_key("tool_choice")
                );
                assert_eq!(start.params["word"], "wörd");
                let record = serde_json::to_value(start).unwrap();
                assert!(record["messages"].is_null());
            } else {
                let messages = start.messages.get().unwrap();
                assert_eq!(messages[0]["content"], first("Be brief, bitte schön", content));
                assert_eq!(messages[1]["content"], first("Grüezi mitenand", content));
                assert_eq!(start.params["note"], first(LONG, content));
                assert_eq!(start.params["tool_choice"]["type"], first("any", content));
            }
        }
    });
}

const MESSAGE: &str = "prompt too long: „Grüezi mitenand“";

#[test]
fn provider_errors_are_captured_up_to_the_limit() {
    on_each_runtime(|| async {
        for (content, typed) in CAPTURES.into_iter().flat_map(|all| [(all, true), (all, false)]) {
            let error =
                json!({"type": "error", "error": {"type": "overloaded_error", "message": MESSAGE}});
            let refused = json(429, Scripted::chunks([error.to_string()]));
            let events =
                answer().into_iter().take(3).chain([format!("event: error\ndata: {error}\n\n")]);
            let within = event_stream(Scripted::chunks(events));
            for (answer, status, off) in [
                (refused, Some(429), "HTTP status 429"),
                (within, None, "the message is not captured"),
            ] {
                let events = events_of(content, Mode::Inline, typed, answer).await;
                let error = events.last().unwrap().error().unwrap();
                assert_eq!(error.kind(), ErrorKind::Provider);
                assert_eq!(error.status(), status, "{typed}");
                assert_eq!(error.provider_code(), Some("overloaded_error"));
                let message = if content == Off { off } else { first(MESSAGE, content) };
                assert_eq!(error.message(), message, "{content:?} {typed}");
                assert_eq!(
                    error.result().unwrap().text(),
                    if status.is_some() { "" } else { first("Hé", content) }
                );
            }
        }
    });
}

/// Errors of transports and models may quote prompts too, whatever error they wrap.
#[test]
fn errors_of_the_inner_service_are_captured_up_to_the_limit() {
    on_each_runtime(|| async {
        for content in [Off, Limited(4)] {
            let errors: [fn() -> BoxError; 3] = [
                || MESSAGE.into(),
                || ProviderError::new(MESSAGE).code(MESSAGE).request_id(MESSAGE).into(),
                || Box::new(Quotes(tower_llm_callbacks::event::Truncated::default())),
            ];
            for error in errors {
                let recorder = Recorder::new();
                let callbacks = Callbacks::new().inline(recorder.clone());
                let inner = service_fn(move |_: Request<RequestBody<Full<Bytes>>>| {
                    std::future::ready(Err::<Response<Full<Bytes>>, _>(error()))
                });
                let layer = HttpCallbackLayer::new(callbacks).content(content);
                let error = layer.layer(inner).call(support::http::prompt()).await.unwrap_err();
                assert_eq!(error.to_string(), MESSAGE, "the client's error is unchanged");
                let end = recorder.terminals().remove(0);
                let error = end.error().unwrap();
                assert!(!error.message().contains("Grüezi"), "{content:?}: {error}");
                // With capture off, the other fields of a provider error do not quote it either.
                let record = json!(error).to_string();
                assert!(content != Off || !record.contains("Grüezi"), "{record}");
            }
        }
    });
}

#[derive(Debug)]
struct Quotes(tower_llm_callbacks::event::Truncated);

impl std::fmt::Display for Quotes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(MESSAGE)
    }
}

impl std::error::Error for Quotes {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// The client and its model receive the whole content.
#[test]
fn content_passed_on_is_complete() {
    on_each_runtime(|| async {
        let handler = Registration::inline(Recorder::new());
        let callbacks = Callbacks::new().add(handler);
        let layer = HttpCallbackLayer::new(callbacks.clone()).content(Off);
        let response =
            support::http::answered(&layer, || event_stream(Scripted::chunks(answer()))).await;
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, answer().concat());
        let model = ScriptedModel::new(Script::answer(TEXTS));
        let mut model = CallbackLayer::new(callbacks).content(Off).layer(model);
        let stream = model.ready().await.unwrap().call(support::request()).await.unwrap();
        let answer = tower_llm_callbacks::chat::collect(stream).await.unwrap();
        assert_eq!(answer.text(), TEXT);
    });
}
