//! Retry policies, fallback, and boxed models.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::StreamExt;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::time::Instant;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_llm_callbacks::{
    Abort, CallbackLayer, Callbacks, EventKind, HttpCallbackLayer, ProviderError, RunConfig,
    chat::{BoxModel, ChatRequest, ModelError},
    model::anthropic::{AnthropicConfig, AnthropicLayer},
    on_llm_start,
    retry::{HttpRetryPolicy, RetryPolicy},
    scope::Fallback,
    testing::{Recorder, Script, ScriptedHttp, ScriptedModel, assert_promises},
};

fn request() -> ChatRequest {
    ChatRequest::new("any").user("Hi")
}

fn error(status: u16) -> ProviderError {
    ProviderError::new("no").status(status)
}

/// Calls a model below a policy. Returns the text or the error, the number of calls, the time, and the recorder.
async fn call(
    policy: RetryPolicy,
    scripts: Vec<Script>,
) -> (Result<String, ModelError>, usize, Duration, Recorder) {
    let (recorder, model) = (Recorder::new(), ScriptedModel::new(scripts));
    let callbacks = Callbacks::new().inline(recorder.clone());
    let stack = ServiceBuilder::new()
        .layer(policy.layer())
        .layer(CallbackLayer::new(callbacks))
        .service(model.clone());
    let began = Instant::now();
    let answer = match BoxModel::new(stack).ask(request()).await {
        Ok(answer) => answer.collect_result().await.map(|result| result.text().to_owned()),
        Err(error) => Err(error),
    };
    assert_promises(&recorder.events());
    (answer, model.calls(), began.elapsed(), recorder)
}

/// Any time may be set, and asked for.
#[tokio::test(start_paused = true)]
async fn the_longest_times_overflow_nothing() {
    let scripts =
        || vec![Script::refusal(error(529).retry_after(Duration::MAX)), Script::answer(["a"])];
    let policy = RetryPolicy::new().longest_wait(Duration::MAX);
    let waits = tokio::time::timeout(Duration::from_secs(86_400), call(policy, scripts()));
    assert!(waits.await.is_err());
    let policy = RetryPolicy::new().first_wait(Duration::MAX).longest_wait(Duration::MAX);
    let scripts = vec![Script::refusal(error(529)), Script::answer(["a"])];
    let waits = tokio::time::timeout(Duration::from_secs(86_400), call(policy, scripts));
    assert!(waits.await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_called_again_and_reported() {
    let scripts = vec![
        Script::refusal(error(529)),
        Script::new().fail("reset").respond(),
        Script::answer(["Hello"]),
    ];
    let (answer, calls, took, recorder) = call(RetryPolicy::new(), scripts).await;
    assert_eq!((answer.unwrap().as_str(), calls), ("Hello", 3));
    // Half to all of 500 ms, then of a second.
    assert!((Duration::from_millis(750)..Duration::from_millis(1510)).contains(&took), "{took:?}");
    let retries = recorder.kinds().into_iter().filter(|kind| *kind == EventKind::Retry).count();
    assert_eq!(retries, 2);
    let attempts: Vec<_> = recorder.terminals().iter().map(|event| event.attempt).collect();
    assert_eq!(attempts, [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_is_not_called_again() {
    for refused in [error(400), error(404), error(429).code("insufficient_quota"), error(501)] {
        let scripts = vec![Script::refusal(refused.clone()), Script::answer(["Hello"])];
        let (answer, calls, ..) = call(RetryPolicy::new(), scripts).await;
        let error = answer.unwrap_err();
        assert_eq!((error.status(), calls), (refused.status, 1));
        assert!(!error.is_retryable());
    }
    let scripts = vec![Script::refusal(error(500)); 5];
    let (answer, calls, ..) = call(RetryPolicy::new().attempts(4), scripts).await;
    assert_eq!((answer.unwrap_err().status(), calls), (Some(500), 4));
}

#[tokio::test(start_paused = true)]
async fn the_provider_says_when() {
    let wait = |seconds| error(429).retry_after(Duration::from_secs(seconds));
    let scripts = vec![Script::refusal(wait(20)), Script::answer(["Hello"])];
    let (answer, _, took, _) = call(RetryPolicy::new(), scripts).await;
    assert!(answer.is_ok());
    assert!((Duration::from_secs(20)..=Duration::from_secs(22)).contains(&took), "{took:?}");
    // Too long to wait.
    let scripts = vec![Script::refusal(wait(61)), Script::answer(["Hello"])];
    let (answer, calls, took, _) = call(RetryPolicy::new(), scripts).await;
    let error = answer.unwrap_err();
    assert_eq!((error.retry_after(), calls), (Some(Duration::from_secs(61)), 1));
    assert!(error.is_retryable() && took.is_zero());
}

#[tokio::test(start_paused = true)]
async fn a_budget_bounds_the_retries_of_all_calls() {
    let budget = tower::retry::budget::TpsBudget::new(Duration::from_secs(10), 0, 0.0);
    let policy = RetryPolicy::new().budget(budget);
    let scripts = vec![Script::refusal(error(503)), Script::answer(["Hello"])];
    let (answer, calls, ..) = call(policy, scripts.clone()).await;
    assert_eq!((answer.is_err(), calls), (true, 1));
    let (answer, ..) = call(RetryPolicy::new().budget(None), scripts).await;
    assert!(answer.is_ok());
}

#[tokio::test(start_paused = true)]
async fn http_is_called_again_below_a_model() {
    let recorder = Recorder::new();
    let http = ScriptedHttp::new([
        Script::refusal(error(529).retry_after(Duration::from_secs(3))),
        Script::answer(["Hello"]),
    ]);
    let model = ServiceBuilder::new()
        .layer(AnthropicLayer::new(AnthropicConfig::new("key")))
        .layer(HttpRetryPolicy::new(RetryPolicy::new()).layer())
        .layer(HttpCallbackLayer::new(Callbacks::new().inline(recorder.clone())))
        .service(http.clone());
    let began = Instant::now();
    let answer = model.oneshot(request()).await.unwrap();
    assert_eq!(answer.collect_result().await.unwrap().text(), "Hello");
    assert_eq!(http.requests().len(), 2);
    assert!(began.elapsed() >= Duration::from_secs(3));
    assert!(recorder.kinds().contains(&EventKind::Retry));

    let http = service_fn(|_: Request<Full<Bytes>>| async {
        let mut response = Response::new(Full::new(Bytes::new()));
        *response.status_mut() = StatusCode::NOT_FOUND;
        Ok::<_, BoxError>(response)
    });
    let mut http = HttpRetryPolicy::new(RetryPolicy::new()).layer().layer(http);
    let began = Instant::now();
    let response = http.ready().await.unwrap().call(Request::default()).await.unwrap();
    assert_eq!((response.status(), began.elapsed()), (StatusCode::NOT_FOUND, Duration::ZERO));
}

/// What a handler has aborted is not called again, whatever status the caller gets.
#[tokio::test(start_paused = true)]
async fn an_aborted_call_is_not_called_again() {
    let recorder = Recorder::new();
    let guard = on_llm_start(|run, _| {
        run.abort(Abort::new("over budget").status(StatusCode::TOO_MANY_REQUESTS));
    });
    let callbacks = Callbacks::new().inline(recorder.clone()).inline(guard);
    let model = ServiceBuilder::new()
        .layer(AnthropicLayer::new(AnthropicConfig::new("key")))
        .layer(HttpRetryPolicy::new(RetryPolicy::new()).layer())
        .layer(HttpCallbackLayer::new(callbacks))
        .service(ScriptedHttp::new(Script::answer(["Hello"])));
    let error = model.oneshot(request()).await.err().unwrap();
    assert_eq!(error.status(), Some(429));
    assert_eq!(recorder.terminals().len(), 1);
}

#[tokio::test]
async fn a_fallback_asks_the_next_one() {
    let recorder = Recorder::new();
    let set = Callbacks::new().inline(recorder.clone());
    let model = |name: &str, script| {
        let layer = CallbackLayer::new(&set).name(name);
        BoxModel::new(layer.layer(ScriptedModel::new(script)))
    };
    let fails = || model("first", Script::refusal(error(401)));
    let mut both = Fallback::new(fails(), [model("second", Script::answer(["Hello"]))]);
    let answer = both.ready().await.unwrap().call(request()).await.unwrap();
    assert_eq!(answer.collect_result().await.unwrap().text(), "Hello");
    let ends = recorder.terminals();
    let names: Vec<_> = ends.iter().map(|end| (&*end.name, end.attempt)).collect();
    assert_eq!(names, [("first", 1), ("second", 2)]);
    assert!(recorder.kinds().contains(&EventKind::Retry));

    // The last one's error is the caller's.
    let mut none = Fallback::new(fails(), [model("second", Script::refusal(error(503)))]);
    let error = none.ready().await.unwrap().call(request()).await.unwrap_err();
    assert_eq!(error.status(), Some(503));
    // Nobody can answer an invalid request.
    let real = AnthropicLayer::new(AnthropicConfig::new("key")).layer(ScriptedHttp::new([]));
    let other = ScriptedModel::new(Script::answer(["Hello"]));
    let mut model = Fallback::new(BoxModel::new(real), [BoxModel::new(other.clone())]);
    let error = model.ready().await.unwrap().call(ChatRequest::new("any")).await.unwrap_err();
    assert!(matches!(error, ModelError::InvalidRequest(_)), "{error:?}");
    assert_eq!(other.calls(), 0);
}

fn assert_named<T: Clone + Send + Sync + 'static>(_: &T) {}

#[tokio::test]
async fn a_boxed_model_is_any_model() {
    let http = || ScriptedHttp::new(Script::answer(["Hello"]));
    let real = AnthropicLayer::new(AnthropicConfig::new("key")).layer(http());
    let scripted = ScriptedModel::new(Script::answer(["Hello"]));
    let layer = CallbackLayer::new(Callbacks::new().inline(Recorder::new()));
    let stack = ServiceBuilder::new()
        .buffer(8)
        .layer(layer.clone())
        .concurrency_limit(2)
        .service(scripted.clone());
    let models = [
        BoxModel::new(real.clone()),
        BoxModel::new(layer.layer(real)),
        BoxModel::new(scripted),
        BoxModel::new(stack),
        BoxModel::new(BoxModel::new(ScriptedModel::new(Script::answer(["Hello"])))),
    ];
    assert_named(&models[0]);
    for model in models {
        let task = tokio::spawn(model.ask(request()));
        let (task, here) = tokio::join!(task, model.ask(request()));
        for answer in [task.unwrap(), here] {
            let chunks: Vec<_> = answer.unwrap().collect().await;
            assert!(chunks.iter().all(Result::is_ok));
        }
        let config = RunConfig::new();
        let mut model = model;
        assert!(config.call(model.ready().await.unwrap(), request()).await.is_ok());
    }
}

#[tokio::test]
async fn errors_come_out_of_their_boxes() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    for script in [
        Script::refusal(error(429).code("c").request_id("r").retry_after(Duration::from_secs(1))),
        Script::new().fail("reset").respond(),
        Script::answer(["Hello"]).provider_error(error(500)),
        Script::new().respond().text("a"),
    ] {
        let layer = CallbackLayer::new(Callbacks::new().inline(Recorder::new()));
        let boxed = layer.layer(BoxModel::new(ScriptedModel::new(script)));
        // As a callback layer returns it.
        if let Err(error) = boxed.oneshot(request()).await {
            let error = ModelError::find(&*error).expect("the error of a model");
            let of = (error.status(), error.code().map(str::to_owned), error.is_retryable());
            assert_eq!(error.request_id(), of.0.map(|_| "r"));
            seen.lock().unwrap().push(of);
        }
    }
    let expected = [(Some(429), Some("c".to_owned()), true), (None, None, true)];
    assert_eq!(*seen.lock().unwrap(), expected);
}
