//! A guard over HTTP: the client receives an error in the provider's format, and the upstream is not called.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use support::http::{HELLO, STOP, Scripted, answered, event_stream, read, text_event};
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_llm_callbacks::{
    Aborted, CallbackLayer, Callbacks, HttpCallbackLayer,
    chat::{self, ChatRequest},
    handlers::BudgetGuard,
    http_layer::RequestBody,
    model::anthropic::{AnthropicConfig, AnthropicLayer},
};

use super::all;

fn layer(guard: &BudgetGuard) -> HttpCallbackLayer {
    HttpCallbackLayer::new(Callbacks::new().inline(guard.clone()))
        .usage_estimator(support::pieces())
}

/// Makes a refused call. Returns its status and body, and the number of upstream calls.
async fn refused(path: &str, body: Value) -> (StatusCode, Value, usize) {
    let calls = Arc::new(AtomicUsize::new(0));
    let upstream = Arc::clone(&calls);
    let inner = service_fn(move |_: Request<RequestBody<Full<Bytes>>>| {
        upstream.fetch_add(1, Ordering::SeqCst);
        async { Ok::<_, BoxError>(event_stream(Full::<Bytes>::from(HELLO.concat()))) }
    });
    let guard = BudgetGuard::builder().usage_estimator(support::pieces()).tokens(5).build();
    let mut gateway = layer(&guard).layer(inner);
    let mut call = async || {
        let request = Request::post(path).header("content-type", "application/json");
        let request = request.body(Full::from(body.to_string())).unwrap();
        let response = gateway.call(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    };
    // The first call requests more than the budget.
    let (status, error): (_, Value) = call().await;
    assert_eq!(guard.report().refused_runs, 1);
    (status, error, calls.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_refusal_has_the_providers_format() {
    let messages = json!([{"role": "user", "content": "Hi"}]);
    let reason = super::NEVER_FITS;
    let body = json!({"model": "claude", "max_tokens": 99, "stream": true, "messages": messages});
    let (status, error, calls) = refused("/v1/messages", body).await;
    assert_eq!((status, calls), (StatusCode::TOO_MANY_REQUESTS, 0));
    assert_eq!(error["type"], "error");
    assert_eq!(error["error"], json!({"type": "rate_limit_error", "message": reason}));

    let body = json!({"model": "gpt", "max_completion_tokens": 99, "messages": messages});
    let (status, error, calls) = refused("/v1/chat/completions", body).await;
    assert_eq!((status, calls), (StatusCode::TOO_MANY_REQUESTS, 0));
    assert_eq!(error["error"]["message"], reason);
    assert!(
        error["error"].get("type").is_some() && error["error"].get("code").is_some(),
        "{error}"
    );

    let body = json!({"contents": [], "generationConfig": {"maxOutputTokens": 99}});
    let (status, error, calls) = refused("/v1beta/models/gemini-x:generateContent", body).await;
    assert_eq!((status, calls), (StatusCode::TOO_MANY_REQUESTS, 0));
    assert_eq!(error["error"]["status"], "RESOURCE_EXHAUSTED");

    let body = json!({"model": "gpt", "max_output_tokens": 99, "input": "Hi"});
    let (status, error, calls) = refused("/v1/responses", body).await;
    assert_eq!((status, calls), (StatusCode::TOO_MANY_REQUESTS, 0));
    assert_eq!(error["error"]["message"], reason);
}

#[tokio::test]
async fn a_spent_budget_and_one_for_each_key() {
    let guard = BudgetGuard::builder()
        .usage_estimator(support::pieces())
        .tokens(14)
        .per_metadata("path")
        .build();
    let layer = layer(&guard);
    for (status, spent) in [(200, 5), (200, 10), (429, 10)] {
        let response = answered(&layer, || event_stream(Scripted::chunks(HELLO))).await;
        assert_eq!(response.status(), status);
        read(response.into_body()).await;
        // The prompt allows nine tokens.
        assert_eq!(all(&guard).spent_tokens, spent);
        assert_eq!(all(&guard).reserved_tokens, 0);
        if status == 200 && spent == 5 {
            assert_eq!(all(&guard).remaining_tokens, Some(9));
        }
        if spent == 10 {
            // Fewer than nine tokens are left.
            assert_eq!(all(&guard).remaining_tokens, Some(4));
        }
    }
}

#[tokio::test]
async fn the_frame_that_passes_the_limit_is_kept_back() {
    let guard = BudgetGuard::builder().usage_estimator(support::pieces()).max_run_tokens(3).build();
    let texts = ["a", "b", "c", "d"].map(text_event);
    // Two events in one frame.
    let frames =
        [HELLO[0].to_owned(), texts[0].clone(), texts[1..3].concat(), texts[3].clone() + STOP];
    let body = Scripted::chunks(frames.clone());
    let response = answered(&layer(&guard), move || event_stream(body.clone())).await;
    let (bytes, error) = read(response.into_body()).await;
    assert_eq!(bytes, frames[..3].concat().into_bytes());
    assert!(error.unwrap().is::<Aborted>());
    assert_eq!(guard.report().aborted_runs, 1);

    let frames = [HELLO[0].to_owned(), texts.concat() + STOP];
    let body = Scripted::chunks(frames.clone());
    let response = answered(&layer(&guard), move || event_stream(body.clone())).await;
    assert_eq!(read(response.into_body()).await.0, frames[0].as_bytes());
}

/// A typed layer over an HTTP layer: only the outer run is admitted, limited and settled.
#[tokio::test]
async fn one_call_with_two_runs_is_settled_once() {
    for limit in [None, Some(1)] {
        let guard = BudgetGuard::builder().usage_estimator(support::pieces()).tokens(14);
        let guard = match limit {
            Some(tokens) => guard.max_run_tokens(tokens).build(),
            None => guard.build(),
        };
        let callbacks = Callbacks::new().inline(guard.clone());
        let calls = Arc::new(AtomicUsize::new(0));
        let upstream = Arc::clone(&calls);
        let http = service_fn(move |_: Request<RequestBody<Full<Bytes>>>| {
            upstream.fetch_add(1, Ordering::SeqCst);
            let response: Response<Full<Bytes>> = event_stream(Full::from(HELLO.concat()));
            async { Ok::<_, BoxError>(response) }
        });
        let mut model = ServiceBuilder::new()
            .layer(CallbackLayer::new(callbacks.clone()).usage_estimator(support::pieces()))
            .layer(AnthropicLayer::new(AnthropicConfig::new("key").base_url("http://127.0.0.1:9")))
            .layer(HttpCallbackLayer::new(callbacks).usage_estimator(support::pieces()))
            .service(http);
        let request = ChatRequest::new("claude").max_tokens(9).user("Hi");
        let answer = model.ready().await.unwrap().call(request.clone()).await.unwrap();
        let outcome = chat::collect(answer).await;
        let key = all(&guard);
        assert_eq!((key.reserved_tokens, guard.report().open_runs), (0, 0));
        if limit.is_some() {
            // Three input tokens, and two token events.
            assert!(outcome.is_err());
            assert_eq!((key.spent_tokens, key.aborted_runs), (5, 1));
            continue;
        }
        assert_eq!((outcome.unwrap().text(), key.spent_tokens), ("Hello", 5));
        let answer = model.ready().await.unwrap().call(request.clone()).await.unwrap();
        drop(answer);
        let answer = model.ready().await.unwrap().call(request.clone()).await.unwrap();
        chat::collect(answer).await.unwrap();
        assert!(model.ready().await.unwrap().call(request).await.unwrap_err().is::<Aborted>());
        assert_eq!((calls.load(Ordering::SeqCst), all(&guard).spent_tokens), (3, 10));
        assert_eq!(guard.report().refused_runs, 1);
    }
}
