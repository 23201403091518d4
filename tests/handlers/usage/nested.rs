//! Calls inside calls, and retried calls.

use std::convert::Infallible;

use bytes::Bytes;
use futures::future::{Ready, ready};
use http::{Request, Response};
use http_body_util::Full;
use support::http::{HELLO, event_stream};
use support::{read, request};
use tower::{
    BoxError, Layer, Service, ServiceBuilder, ServiceExt,
    retry::{Policy, RetryLayer},
    service_fn,
};
use tower_llm_callbacks::{
    AttemptsLayer, CallbackLayer, Callbacks, HttpCallbackLayer, RunConfig, RunLayer, Usage,
    chat::{self, ChatRequest},
    handlers::UsageTotals,
    http_layer::RequestBody,
    model::anthropic::{AnthropicConfig, AnthropicLayer},
    testing::{Recorder, Script, ScriptedModel},
};

use super::{answer_of, used};

/// A typed layer over an HTTP layer: two runs, one answer.
#[tokio::test]
async fn one_call_is_counted_once() {
    let (totals, inner_only) = (UsageTotals::builder().by_provider().build(), UsageTotals::new());
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().inline(totals.clone());
    let http = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        Ok::<Response<Full<Bytes>>, Infallible>(event_stream(Full::from(HELLO.concat())))
    });
    let mut model = ServiceBuilder::new()
        .layer(
            CallbackLayer::new(callbacks.clone().inline(recorder.clone()))
                .usage_estimator(support::pieces()),
        )
        .layer(AnthropicLayer::new(AnthropicConfig::new("key").base_url("http://127.0.0.1:9")))
        .layer(
            HttpCallbackLayer::new(callbacks.inline(recorder.clone()).inline(inner_only.clone()))
                .usage_estimator(support::pieces()),
        )
        .service(http);
    for calls in 1..=3 {
        let answer = model.ready().await.unwrap().call(request()).await.unwrap();
        assert_eq!(chat::collect(answer).await.unwrap().text(), "Hello");
        assert_eq!(recorder.run_ids().len(), 2 * calls);
        let snapshot = totals.snapshot();
        assert_eq!(snapshot.total.runs, calls as u64);
        assert_eq!(snapshot.total.reported, Usage::new(3 * calls as u64, 2 * calls as u64));
        assert_eq!(snapshot.groups.len(), 1, "only the outer run counts");
        assert_eq!(totals.open_runs(), 0);
    }
    // A handler of the inner layer counts the inner runs.
    assert_eq!(inner_only.snapshot().total.runs, 3);

    // Dropping midway cancels both runs.
    let answer = model.ready().await.unwrap().call(request()).await.unwrap();
    drop(answer);
    assert_eq!((totals.snapshot().total.runs, totals.snapshot().total.errors.cancelled), (4, 1));
}

/// Three nested layers make three runs.
#[tokio::test]
async fn three_nested_runs_count_once() {
    let totals = UsageTotals::new();
    let layer = CallbackLayer::new(Callbacks::new().inline(totals.clone()))
        .usage_estimator(support::pieces());
    let model = ScriptedModel::new(used(1, 2));
    let mut model = layer.layer(layer.layer(layer.layer(model)));
    read(model.call(request()).await.unwrap()).await;
    assert_eq!((totals.snapshot().total.runs, totals.open_runs()), (1, 0));
}

/// Calls in separate positions of a chain count separately.
#[tokio::test]
async fn calls_in_a_chain_count_separately() {
    let totals = UsageTotals::new();
    let layer = CallbackLayer::new(Callbacks::new()).usage_estimator(support::pieces());
    let chain = RunLayer::chain("chain");
    let config = RunConfig::new().callbacks(Callbacks::new().inline(totals.clone()));
    config
        .scope(chain.run(async {
            for _ in 0..2 {
                super::run(&layer, answer_of("m", 1, 2)).await;
            }
            Ok::<_, BoxError>(())
        }))
        .await
        .unwrap();
    assert_eq!(totals.snapshot().total.runs, 2);
}

#[derive(Clone)]
struct Retries(usize);

impl<S> Policy<ChatRequest, S, BoxError> for Retries {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut ChatRequest,
        result: &mut Result<S, BoxError>,
    ) -> Option<Self::Future> {
        if result.is_ok() || self.0 == 0 {
            return None;
        }
        self.0 -= 1;
        Some(ready(()))
    }

    fn clone_request(&mut self, request: &ChatRequest) -> Option<ChatRequest> {
        Some(request.clone())
    }
}

/// Each attempt is a run of its own. Under an outer layer the attempts are parts of one run.
#[tokio::test]
async fn attempts_count_separately_or_as_parts_of_an_outer_run() {
    let failing = || {
        let refused = || Script::new().fail("refused").respond();
        ScriptedModel::new([refused(), refused(), used(1, 2)])
    };
    for above in [false, true] {
        let totals = UsageTotals::new();
        let layer = CallbackLayer::new(Callbacks::new().inline(totals.clone()))
            .usage_estimator(support::pieces());
        let mut retrying = ServiceBuilder::new()
            .layer(AttemptsLayer::new())
            .layer(RetryLayer::new(Retries(5)))
            .layer(layer.clone())
            .service(failing());
        if above {
            read(layer.layer(retrying).call(request()).await.unwrap()).await;
        } else {
            read(retrying.ready().await.unwrap().call(request()).await.unwrap()).await;
        }
        let total = totals.snapshot().total;
        let expected = if above { (1, 0) } else { (3, 2) };
        assert_eq!((total.runs, total.errors.transport), expected);
        assert_eq!(total.reported, Usage::new(1, 2));
        assert_eq!(totals.open_runs(), 0);
    }
}
