//! Answers from a cache below the layer: calls that use nothing and cost nothing.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use support::http::{HELLO, event_stream, prompt};
use support::read;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, HttpCallbackLayer, Run,
    chat::{self, ChatRequest},
    handlers::{BudgetGuard, PriceTable, UsageTotals},
    http_layer::{Cached, RequestBody},
    model::anthropic::{AnthropicConfig, AnthropicLayer},
    testing::{Recorder, Script, ScriptedModel},
};

use super::used;

/// What watches a call, with prices for all models.
struct Watch {
    totals: UsageTotals,
    guard: BudgetGuard,
    recorder: Recorder,
}

impl Watch {
    fn new() -> Self {
        let totals = UsageTotals::builder().prices(prices()).build();
        // Nothing that a cache says may pass a limit either.
        let guard = BudgetGuard::builder().tokens(1_000).max_run_tokens(0).build();
        Self { totals, guard, recorder: Recorder::new() }
    }

    fn callbacks(&self) -> Callbacks {
        let callbacks = Callbacks::new().inline(self.totals.clone()).inline(self.guard.clone());
        callbacks.inline(self.recorder.clone())
    }

    fn typed(&self) -> CallbackLayer {
        CallbackLayer::new(self.callbacks()).prices(prices())
    }

    fn http(&self) -> HttpCallbackLayer {
        HttpCallbackLayer::new(self.callbacks()).prices(prices())
    }

    /// Asserts that one call was counted, and that nothing was used in any of its runs.
    #[track_caller]
    fn assert_free(&self) {
        for terminal in self.recorder.terminals() {
            let result = terminal.result().expect("a model call");
            assert!(result.cached && result.tokens > 0, "{result:?}");
            assert_eq!((&result.usage, &result.cost), (&None, &None));
            assert_eq!(serde_json::to_value(result).unwrap()["cached"], true);
        }
        let total = self.totals.snapshot().total;
        assert_eq!((total.runs, total.completed, total.cached_runs), (1, 1, 1), "{total:?}");
        assert_eq!((total.unreported_runs, total.estimated_runs), (0, 0));
        assert_eq!((total.input_tokens(), total.output_tokens(), total.seen_tokens), (0, 0, 0));
        let cost = total.cost.expect("there are prices");
        assert_eq!((cost.total().to_string().as_str(), cost.unpriced_runs), ("0", 0));
        let budget = self.guard.key("").expect("the budget was drawn on");
        assert_eq!((budget.spent_tokens, budget.reserved_tokens), (0, 0));
        assert_eq!(self.guard.report().aborted_runs, 0);
    }
}

fn prices() -> PriceTable {
    r#"{"currency": "USD", "models": {"*": {"input": 1, "output": 5}}}"#.parse().unwrap()
}

/// A cache that has every answer, with its usage or without.
#[tokio::test]
async fn typed() {
    let unreported = Script::new().respond().text("Hi").text(" there").complete("stop");
    for script in [unreported, used(10, 20)] {
        let watch = Watch::new();
        let cache = service_fn(move |request: ChatRequest| {
            Run::current().expect("the call is observed").set_cached();
            ScriptedModel::new(script.clone()).oneshot(request)
        });
        let answer = watch.typed().layer(cache).oneshot(support::request()).await.unwrap();
        assert!(read(answer).await.1.is_none());
        watch.assert_free();
    }
}

fn answer() -> Response<Full<Bytes>> {
    event_stream(Full::from(HELLO.concat()))
}

#[tokio::test]
async fn over_http() {
    for by_extension in [true, false] {
        let watch = Watch::new();
        let cache = service_fn(move |_: Request<RequestBody<Full<Bytes>>>| {
            let mut response = answer();
            match by_extension {
                true => drop(response.extensions_mut().insert(Cached)),
                false => Run::current().expect("the call is observed").set_cached(),
            }
            async { Ok::<_, Infallible>(response) }
        });
        let response = watch.http().layer(cache).oneshot(prompt()).await.unwrap();
        response.into_body().collect().await.unwrap();
        watch.assert_free();
    }
}

/// The typed run above is marked too, and a call that is made after a cached one is not.
#[tokio::test]
async fn below_two_layers() {
    let watch = Watch::new();
    let mut hits = [true, false].into_iter();
    let cache = service_fn(move |_: Request<RequestBody<Full<Bytes>>>| {
        let mut response = answer();
        if hits.next().expect("two calls") {
            response.extensions_mut().insert(Cached);
        }
        async { Ok::<_, Infallible>(response) }
    });
    let mut model = ServiceBuilder::new()
        .layer(watch.typed())
        .layer(AnthropicLayer::new(AnthropicConfig::new("key").base_url("http://127.0.0.1:9")))
        .layer(watch.http())
        .service(cache);
    let reply = model.ready().await.unwrap().call(support::request()).await.unwrap();
    assert_eq!(chat::collect(reply).await.unwrap().text(), "Hello");
    assert_eq!(watch.recorder.terminals().len(), 2);
    watch.assert_free();

    let reply = model.ready().await.unwrap().call(support::request()).await.unwrap();
    assert!(chat::collect(reply).await.is_err(), "the guard lets no token of a call pass");
    let total = watch.totals.snapshot().total;
    assert_eq!((total.runs, total.cached_runs, total.reported.input_tokens), (2, 1, Some(3)));
    assert_eq!(watch.guard.key("").unwrap().spent_tokens, 3 + total.output_tokens());
}
