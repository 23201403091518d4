//! Each end of a call over HTTP.

use bytes::Bytes;
use futures::FutureExt;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use support::http::{
    HELLO, Scripted, Step, WHOLE, answered, data, event_stream, json, prompt, read,
};
use support::quiet_panics;
use tower::{BoxError, Layer, Service, service_fn};
use tower_llm_callbacks::{
    Abort, Callbacks, ErrorKind, HttpCallbackLayer, Usage,
    handlers::{UsageCounts, UsageTotals},
    http_layer::RequestBody,
    on_llm_new_token, on_llm_start,
};

use super::assert_adds_up;

#[track_caller]
fn assert_total(
    totals: &UsageTotals,
    error: Option<ErrorKind>,
    reported: Option<Usage>,
    counted: u64,
) {
    let mut total: UsageCounts = totals.snapshot().total;
    assert_adds_up(&total);
    assert_eq!((total.runs, totals.open_runs()), (1, 0));
    assert_eq!(total.completed, u64::from(error.is_none()), "{total:?}");
    let errors = serde_json::to_value(total.errors).unwrap();
    if let Some(kind) = error {
        assert_eq!(errors[kind.as_str()], 1, "{total:?}");
    }
    assert_eq!(total.unreported_runs, u64::from(reported.is_none()), "{total:?}");
    let mut reported = reported.unwrap_or_default();
    (reported.source, total.reported.source) = Default::default();
    let estimated = total.estimated.output_tokens.unwrap_or(0);
    assert_eq!((total.reported, estimated), (reported, counted));
}

fn hello(pieces: usize) -> Vec<Step> {
    HELLO.into_iter().take(pieces).map(data).collect()
}

async fn read_frames(totals: &UsageTotals, steps: Vec<Step>) {
    let layer = HttpCallbackLayer::new(Callbacks::new().inline(totals.clone()))
        .usage_estimator(support::pieces());
    let body = Scripted::new(steps);
    let response = answered(&layer, move || event_stream(body.clone())).await;
    drop(std::panic::AssertUnwindSafe(read(response.into_body())).catch_unwind().await);
}

#[tokio::test]
async fn completed() {
    let totals = UsageTotals::new();
    read_frames(&totals, hello(5)).await;
    assert_total(&totals, None, Some(Usage::new(3, 2)), 0);

    let totals = UsageTotals::new();
    let layer = HttpCallbackLayer::new(Callbacks::new().inline(totals.clone()))
        .usage_estimator(support::pieces());
    let response = answered(&layer, || json(200, Full::<Bytes>::from(WHOLE))).await;
    read(response.into_body()).await;
    assert_total(&totals, None, Some(Usage::new(3, 2)), 0);
}

#[tokio::test]
async fn ended_early() {
    quiet_panics();
    let beginning = Some(Usage::new(3, None));
    for (last, kind) in [
        (None, ErrorKind::Truncated),
        (Some(Step::Fail), ErrorKind::Transport),
        (Some(Step::Panic), ErrorKind::Panic),
        (
            Some(data(
                "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"!\"}}\n\n",
            )),
            ErrorKind::Provider,
        ),
    ] {
        let totals = UsageTotals::new();
        read_frames(&totals, hello(3).into_iter().chain(last).collect()).await;
        assert_total(&totals, Some(kind), beginning.clone(), 2);
    }
}

#[tokio::test]
async fn cancelled() {
    for (frames, reported, counted) in
        [(0, None, 0), (1, Some(Usage::new(3, 1)), 0), (3, Some(Usage::new(3, None)), 2)]
    {
        let totals = UsageTotals::new();
        let layer = HttpCallbackLayer::new(Callbacks::new().inline(totals.clone()))
            .usage_estimator(support::pieces());
        let body = Scripted::new(hello(5));
        let mut body = answered(&layer, move || event_stream(body.clone())).await.into_body();
        for _ in 0..frames {
            body.frame().await.unwrap().unwrap();
        }
        drop(body);
        assert_total(&totals, Some(ErrorKind::Cancelled), reported, counted);
    }
}

#[tokio::test]
async fn failed_before_the_response() {
    let totals = UsageTotals::new();
    let layer = HttpCallbackLayer::new(Callbacks::new().inline(totals.clone()))
        .usage_estimator(support::pieces());
    let error = r#"{"type":"error","error":{"type":"rate_limit_error","message":"no"}}"#;
    read(answered(&layer, || json(429, Full::<Bytes>::from(error))).await.into_body()).await;
    assert_total(&totals, Some(ErrorKind::Provider), None, 0);

    let totals = UsageTotals::new();
    let layer = HttpCallbackLayer::new(Callbacks::new().inline(totals.clone()))
        .usage_estimator(support::pieces());
    let mut service = layer.layer(service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        Err::<Response<Full<Bytes>>, BoxError>("refused".into())
    }));
    service.call(prompt()).await.unwrap_err();
    assert_total(&totals, Some(ErrorKind::Transport), None, 0);
}

#[tokio::test]
async fn aborted() {
    let totals = UsageTotals::new();
    let abort = on_llm_start(|run, _| {
        run.abort(Abort::new("no"));
    });
    let layer = HttpCallbackLayer::new(Callbacks::new().inline(abort).inline(totals.clone()))
        .usage_estimator(support::pieces());
    read(answered(&layer, || json(200, Full::<Bytes>::from(WHOLE))).await.into_body()).await;
    assert_total(&totals, Some(ErrorKind::Aborted), None, 0);

    let totals = UsageTotals::new();
    let abort = on_llm_new_token(|run, token| {
        if token.index() == 1 {
            run.abort(Abort::new("no"));
        }
    });
    let layer = HttpCallbackLayer::new(Callbacks::new().inline(totals.clone()).inline(abort))
        .usage_estimator(support::pieces());
    let body = Scripted::new(hello(5));
    read(answered(&layer, move || event_stream(body.clone())).await.into_body()).await;
    assert_total(&totals, Some(ErrorKind::Aborted), Some(Usage::new(3, None)), 2);
}
