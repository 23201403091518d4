//! C: what handlers see of requests and errors, and that they do not change them.

use std::{
    future::ready,
    sync::{Arc, Mutex},
};

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use serde_json::json;
use support::http::{Scripted, Step, answered, data, json as json_response};
use support::{call, everywhere, in_each_mode, on_each_runtime, read, request};
use tower::{BoxError, Layer, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delta, ErrorKind, EventData, HttpCallbackLayer, ProviderError,
    RunInput, RunLayer,
    chat::{ChatChunk, ChatRequest, ContentPart, Message, Role, collect},
    on_llm_new_token, on_llm_start,
    testing::{Recorder, Script},
};

use super::{boxed, settled};

type Chunks = BoxStream<'static, Result<ChatChunk, BoxError>>;

/// A model that keeps its requests. Answers without streaming if the request does not ask for a stream.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<ChatRequest>>>);

impl Asked {
    fn requests(&self) -> Vec<ChatRequest> {
        self.0.lock().unwrap().clone()
    }

    fn model(&self) -> BoxCloneSyncService<ChatRequest, Chunks, BoxError> {
        let asked = self.clone();
        boxed(service_fn(move |request: ChatRequest| {
            let whole = (!request.stream).then_some(Delta::NotStreamed);
            asked.0.lock().unwrap().push(request);
            let chunks = whole.into_iter().chain([Delta::text("a"), Delta::Done]);
            ready(Ok(stream::iter(chunks.map(Ok)).boxed()))
        }))
    }
}

const SECRET: &str = "sk-verysecret";

/// Secrets in parameters and inputs are redacted in every event. The model gets them unchanged.
#[test]
fn case_19_secrets_are_redacted_for_handlers_only() {
    in_each_mode(|mode| async move {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&lines);
        let callbacks = Callbacks::new().add(mode.closure(move |run, event| {
            let record = serde_json::to_string(&event.record(run)).unwrap();
            seen.lock().unwrap().push(format!("{record} {event:?} {run:?}"));
        }));
        let server = json!([{"url": "https://a", "authorization_token": SECRET}]);
        let secret = request().param("api_key", SECRET).param("mcp_servers", server.clone());
        let asked = Asked::default();
        let model = boxed(CallbackLayer::new(callbacks.clone()).layer(asked.model()));
        read(model.oneshot(secret.max_tokens(7)).await.unwrap()).await;
        let tool = RunLayer::tool("tool")
            .callbacks(&callbacks)
            .input(|key: &String| RunInput::new(json!({"password": key})))
            .layer(service_fn(|key: String| ready(Ok::<_, BoxError>(key))));
        assert_eq!(boxed(tool).oneshot(SECRET.to_owned()).await.unwrap(), SECRET);
        settled(&callbacks).await;
        let lines = lines.lock().unwrap().join("\n");
        assert!(!lines.contains(SECRET), "{lines}");
        for name in ["api_key", "authorization_token", "password"] {
            assert!(lines.contains(&format!("\"{name}\":\"[redacted]\"")), "{name}: {lines}");
        }
        assert!(lines.contains(r#""max_tokens":7"#), "other values are not redacted: {lines}");
        let requests = asked.requests();
        assert_eq!(requests[0].params["api_key"], SECRET);
        assert_eq!(requests[0].params["mcp_servers"], server);
    });
}

/// The request decides whether an answer is streamed, with any handlers.
#[test]
fn case_20_handlers_do_not_change_the_transport() {
    in_each_mode(|mode| async move {
        let tokens =
            Callbacks::new().add(mode.handler(Recorder::new())).inline(on_llm_new_token(|_, _| ()));
        let starts = Callbacks::new().inline(on_llm_start(|_, _| ()));
        for (callbacks, stream) in
            [(&tokens, true), (&tokens, false), (&starts, true), (&starts, false)]
        {
            let asked = Asked::default();
            let model = boxed(CallbackLayer::new(callbacks.clone()).layer(asked.model()));
            let answer = collect(model.oneshot(request().stream(stream)).await.unwrap()).await;
            assert_eq!(asked.requests()[0].stream, stream);
            assert_eq!(answer.unwrap().streamed, stream);
        }
    });
}

/// A handler that reformats messages works on a copy. Caller and model share the original.
#[test]
fn case_21_formatting_messages_does_not_alter_them() {
    in_each_mode(|mode| async move {
        let shown: Arc<Mutex<Vec<String>>> = Arc::default();
        let shows = Arc::clone(&shown);
        let callbacks = Callbacks::new().add(mode.closure(move |_, event| {
            let EventData::LlmStart(start) = event.data() else { return };
            let mut messages = start.messages.get().unwrap().clone();
            for part in messages[0]["content"].as_array_mut().unwrap() {
                *part = json!(format!("<{}>", part["type"].as_str().unwrap_or("?")));
            }
            shows.lock().unwrap().push(messages[0]["content"].to_string());
        }));
        let image =
            ContentPart::Image { media_type: "image/png".into(), data_base64: "AAAA".into() };
        let pdf = ContentPart::Raw(json!({"type": "document", "source": {"data": "JVBERi0="}}));
        let typeless = ContentPart::Raw(json!({"cachePoint": {}}));
        let parts = [ContentPart::text("See"), image, pdf, typeless];
        let request = ChatRequest::new("any").message(Message::new(Role::User, parts));
        let before = request.messages.to_vec();
        let asked = Asked::default();
        let model = boxed(CallbackLayer::new(callbacks.clone()).layer(asked.model()));
        read(model.oneshot(request.clone()).await.unwrap()).await;
        settled(&callbacks).await;
        assert_eq!(*shown.lock().unwrap(), [r#"["<text>","<image>","<document>","<?>"]"#]);
        assert_eq!(*request.messages, before);
        assert!(Arc::ptr_eq(&asked.requests()[0].messages, &request.messages));
    });
}

/// Status, code and request id of an error answer reach the event. Over HTTP also if its body breaks off.
#[test]
fn case_22_metadata_of_an_error_answer_reaches_the_event() {
    let limited = || {
        let error = ProviderError::new("slow down").code("rate_limit_error");
        error.status(429).request_id("req_1")
    };
    everywhere(move |recorders| async move {
        let (_, mut model) = recorders.model(Script::new().provider_error(limited()).respond());
        let error = call(&mut model).await.unwrap_err();
        assert_eq!(*error.downcast::<ProviderError>().unwrap(), limited());
        let end = recorders.ended(Some(ErrorKind::Provider)).await;
        let error = end.error().unwrap();
        assert_eq!((error.message(), error.status()), ("slow down", Some(429)));
        assert_eq!(error.provider_code(), Some("rate_limit_error"));
        assert_eq!(error.request_id(), Some("req_1"));
    });
    on_each_runtime(|| async {
        let body = r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#;
        for steps in [vec![data(body)], vec![data(&body[..9]), Step::Fail], vec![Step::Fail]] {
            let recorder = Recorder::new();
            let layer = HttpCallbackLayer::new(Callbacks::new().inline(recorder.clone()));
            let broken = steps.len() == 2 || matches!(steps[0], Step::Fail);
            let answer = answered(&layer, move || {
                let mut answer = json_response(429, Scripted::new(steps.clone()));
                answer.headers_mut().insert("request-id", "req_1".parse().unwrap());
                answer
            });
            assert_eq!(support::http::read(answer.await).await.1.is_some(), broken);
            let end = &recorder.terminals()[0];
            let error = end.error().unwrap();
            let http = error.result().unwrap().http.as_deref().unwrap();
            assert_eq!((http.status, &*http.headers["request-id"]), (429, "req_1"));
            assert_eq!((error.kind(), error.status()), (ErrorKind::Provider, Some(429)));
            assert_eq!(error.message() == "slow down", !broken, "{error}");
        }
    });
}
