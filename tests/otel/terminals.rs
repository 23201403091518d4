//! Each way for a run to end.

use futures::StreamExt;
use opentelemetry::trace::Status;
use serde_json::{Value, json};
use support::http::{HELLO, Scripted, Step, data, event_stream, json};
use support::otel::{Otel, Span};
use support::{panic_of, read};
use tower::{Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    Abort, CallbackLayer, Delta, ProviderError, Registration, Run, Usage,
    chat::ChatRequest,
    on_llm_new_token,
    testing::{Script, ScriptedModel},
};

use crate::http_calls;

/// A model that answers with some text, before the end that the test appends.
fn begun() -> Script {
    Script::new()
        .respond()
        .chunk(Delta::Usage { usage: Usage::new(7, 1), raw: None })
        .text("CANARY")
}

async fn call(otel: &Otel, script: Script, take: usize) {
    let mut model = CallbackLayer::new(otel.callbacks()).layer(ScriptedModel::new(script));
    let request = ChatRequest::new("gpt-4o").user("CANARY");
    match model.ready().await.unwrap().call(request).await {
        Ok(answer) => drop(read(answer.take(take)).await),
        Err(error) => drop(error),
    }
}

/// Asserts the span and the metrics of a failed call.
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "callers pass literals")]
fn failed(otel: &Otel, error_type: &str, status: &str, reasons: Value) -> Span {
    let span = otel.span();
    assert_eq!(span.attributes["error.type"], error_type);
    assert_eq!(span.status, Status::error(status.to_owned()));
    let found = span.attributes.get("gen_ai.response.finish_reasons");
    assert_eq!(found.unwrap_or(&Value::Null), &reasons);
    assert!(span.end >= span.start);
    let duration = &otel.measured()["gen_ai.client.operation.duration"];
    assert_eq!(duration.point().attributes["error.type"], error_type);
    assert_eq!((duration.point().count, otel.metrics.open_runs()), (1, 0));
    let logs = otel.logs();
    assert_eq!(logs.len(), 1);
    assert_eq!((logs[0].name, logs[0].severity), ("gen_ai.client.operation.exception", "WARN"));
    assert_eq!(Value::from(logs[0].attributes.clone()), json!({"exception.type": error_type}));
    assert_eq!(logs[0].span, (span.trace, span.id));
    assert_eq!(logs[0].time, span.end);
    assert!(!otel.everything().contains("CANARY"), "{}", otel.everything());
    span
}

#[tokio::test]
async fn completed() {
    let otel = Otel::new();
    call(&otel, begun().complete("stop"), usize::MAX).await;
    let span = otel.span();
    assert_eq!(span.status, Status::Unset);
    assert!(!span.attributes.contains_key("error.type"));
    assert!(otel.logs().is_empty());
}

#[tokio::test]
async fn provider_errors() {
    let error = || ProviderError::new("CANARY is too long");
    for (error, kind, status) in [
        (error().code("rate_limit").status(429), "rate_limit", "provider: HTTP status 429"),
        (error().status(529), "529", "provider: HTTP status 529"),
        (error().code("CANARY with words").status(500), "500", "provider: HTTP status 500"),
        (error().code("sk-CANARY1234567").status(401), "401", "provider: HTTP status 401"),
        (error().code("overloaded"), "overloaded", "provider"),
        (error(), "provider", "provider"),
    ] {
        let otel = Otel::new();
        call(&otel, Script::new().provider_error(error.clone()).respond(), usize::MAX).await;
        failed(&otel, kind, status, Value::Null);

        let otel = Otel::new();
        call(&otel, begun().provider_error(error), usize::MAX).await;
        let span = failed(&otel, kind, status, json!(["error"]));
        assert_eq!(span.attributes["gen_ai.usage.input_tokens"], 7, "usage so far");
    }
}

#[tokio::test]
async fn transport_errors() {
    let otel = Otel::new();
    call(&otel, Script::new().fail("https://u:CANARY@host/").respond(), usize::MAX).await;
    failed(&otel, "transport", "transport", Value::Null);
    let otel = Otel::new();
    call(&otel, begun().fail("CANARY"), usize::MAX).await;
    failed(&otel, "transport", "transport", json!(["error"]));
}

#[tokio::test]
async fn truncated() {
    let otel = Otel::new();
    call(&otel, begun(), usize::MAX).await;
    failed(&otel, "truncated", "truncated", json!(["error"]));
}

#[tokio::test]
async fn cancelled() {
    let otel = Otel::new();
    call(&otel, begun().hang(), 2).await;
    failed(&otel, "cancelled", "cancelled", json!(["error"]));

    let otel = Otel::new();
    let mut model = CallbackLayer::new(otel.callbacks()).layer(ScriptedModel::new(begun()));
    drop(model.ready().await.unwrap().call(ChatRequest::new("gpt-4o").user("CANARY")));
    failed(&otel, "cancelled", "cancelled", Value::Null);
}

#[tokio::test]
async fn aborted() {
    let otel = Otel::new();
    let guard = on_llm_new_token(|run: &Run, _| {
        run.abort(Abort::new("CANARY said too much"));
    });
    let callbacks = otel.callbacks().add(Registration::inline(guard));
    let mut model = CallbackLayer::new(callbacks).layer(ScriptedModel::new(begun()));
    let request = ChatRequest::new("gpt-4o").user("CANARY");
    read(model.ready().await.unwrap().call(request).await.unwrap()).await;
    failed(&otel, "aborted", "aborted", json!(["error"]));
}

#[test]
fn panicked() {
    support::http::quiet_panics();
    let otel = Otel::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    panic_of(|| runtime.block_on(call(&otel, begun().panic(), usize::MAX)));
    failed(&otel, "panic", "panic", json!(["error"]));
}

/// The same ends over HTTP.
#[tokio::test]
async fn over_http() {
    let body = || json!({"model": "claude", "messages": [{"role": "user", "content": "CANARY"}]});
    let broken = |step: Step| {
        let steps = HELLO[..2].iter().map(|event| data(*event)).chain([step]);
        Scripted::new(steps.collect::<Vec<_>>())
    };
    let refused =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "CANARY"}});
    let otel = Otel::new();
    let refuse = || json(529, Scripted::chunks([refused.to_string()]));
    http_calls::call(&otel, "/v1/messages", body(), refuse).await;
    failed(&otel, "overloaded_error", "provider: HTTP status 529", Value::Null);

    let otel = Otel::new();
    http_calls::call(&otel, "/v1/messages", body(), || event_stream(broken(Step::Fail))).await;
    let span = failed(&otel, "transport", "transport", json!(["error"]));
    assert_eq!(span.attributes["gen_ai.usage.input_tokens"], 3);

    let otel = Otel::new();
    let cut = || event_stream(Scripted::chunks(HELLO[..3].to_vec()));
    http_calls::call(&otel, "/v1/messages", body(), cut).await;
    failed(&otel, "truncated", "truncated", json!(["error"]));
}

/// Finished choices keep their reason.
#[tokio::test]
async fn only_unfinished_choices_end_in_error() {
    let otel = Otel::new();
    let script = begun()
        .chunk(Delta::Text { choice: 1, text: "CANARY".into() })
        .chunk(Delta::finish("length"))
        .fail("CANARY");
    call(&otel, script, usize::MAX).await;
    failed(&otel, "transport", "transport", json!(["length", "error"]));
}
