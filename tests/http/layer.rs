//! The HTTP layer on an axum router: the response is unchanged, and the events describe it.

use std::convert::Infallible;

use axum::{Router, body::Body, response::Response, routing::post};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;
use tower_llm_callbacks::{
    Abort, Callbacks, ErrorKind, EventData, HttpCallbackLayer, RunConfig, on_event,
    testing::{Recorder, assert_promises},
};

const ANSWER: &[&str] = &[
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude\",\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hel\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"lo\"}}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
];

fn answer() -> Response {
    let frames = ANSWER.iter().map(|frame| Ok::<_, Infallible>(*frame));
    Response::builder()
        .header("content-type", "text/event-stream; charset=utf-8")
        .header("request-id", "req_1")
        .body(Body::from_stream(futures::stream::iter(frames)))
        .unwrap()
}

fn request() -> Request<Body> {
    let body = r#"{"max_tokens":25,"stream":true,"messages":[{"role":"user","content":"Hi"}],"model":"claude-3"}"#;
    Request::post("/v1/messages?key=CANARY").body(Body::from(body)).unwrap()
}

fn gateway(callbacks: Callbacks) -> Router {
    Router::new()
        .route("/v1/messages", post(|| async { answer() }))
        .layer(HttpCallbackLayer::new(callbacks).name("gateway"))
}

#[tokio::test]
async fn a_streamed_answer_is_observed() {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().blocking(recorder.clone());
    let response = gateway(callbacks.clone()).oneshot(request()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, ANSWER.concat());

    let events = recorder.events();
    assert_promises(&events);
    let EventData::LlmStart(start) = &events[0].data else { panic!("{events:?}") };
    assert_eq!((&*start.provider, &*start.api), ("anthropic", "messages"));
    assert_eq!(start.model.as_deref(), Some("claude-3"));
    assert_eq!(start.params["max_tokens"], 25);
    assert_eq!(start.messages.get().unwrap()[0]["content"], "Hi");
    assert_eq!(start.http.as_ref().unwrap().url, "/v1/messages");
    assert!(start.http.as_ref().unwrap().body_complete);
    let end = recorder.terminals();
    let result = end[0].result().unwrap();
    assert_eq!(result.text(), "Hello");
    assert_eq!(result.tokens, 2);
    assert_eq!(result.usage.as_ref().unwrap().input_tokens, Some(3));
    assert_eq!(result.http.as_ref().unwrap().status, 200);
}

#[tokio::test]
async fn an_abort_in_the_start_is_the_response() {
    let recorder = Recorder::new();
    let guard = on_event(|run, event| {
        if event.kind().is_start() {
            run.abort(Abort::new("budget spent").status(StatusCode::TOO_MANY_REQUESTS));
        }
    });
    let callbacks = Callbacks::new().inline(guard).blocking(recorder.clone());
    let response = gateway(callbacks).oneshot(request()).await.unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["error"]["type"], "rate_limit_error");
    assert_eq!(body["error"]["message"], "budget spent");
    assert_eq!(recorder.terminals()[0].error().unwrap().kind(), ErrorKind::Aborted);
}

/// A layer above, which identifies the caller, attaches callbacks, tags and metadata to the request.
#[tokio::test]
async fn a_config_in_the_request_applies_to_the_run() {
    let (own, attached) = (Recorder::new(), Recorder::new());
    let config = RunConfig::new()
        .callbacks(Callbacks::new().inline(attached.clone()))
        .tags(["tenant-1"])
        .metadata("tenant", 1)
        .run_name("asked");
    let passed_on = Router::new()
        .route(
            "/v1/messages",
            post(|request: axum::extract::Request| async move {
                assert!(
                    request.extensions().get::<RunConfig>().is_none(),
                    "the run takes the config"
                );
                answer()
            }),
        )
        .layer(HttpCallbackLayer::new(Callbacks::new().inline(own.clone())));
    for configured in [true, false] {
        let mut request = request();
        if configured {
            request.extensions_mut().insert(config.clone());
        }
        let response = passed_on.clone().oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap();
    }
    assert_promises(&own.events());
    let starts: Vec<_> = own.events().into_iter().filter(|e| e.kind().is_start()).collect();
    assert_eq!((&*starts[0].name, &*starts[1].name), ("asked", "llm"));
    assert_eq!(starts[0].tags, ["tenant-1".into()]);
    assert_eq!(starts[0].metadata["tenant"], 1);
    assert!(starts[1].tags.is_empty() && starts[1].metadata.is_empty());
    assert_eq!(attached.run_ids(), [starts[0].run_id]);

    // A layer without callbacks observes the call for the request's callbacks.
    let silent = gateway(Callbacks::new());
    let mut request = request();
    request.extensions_mut().insert(config);
    silent.oneshot(request).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(attached.run_ids().len(), 2);
}
