//! Metrics of runs and of handlers.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, retry::RetryLayer, service_fn};
use tower_llm_callbacks::{
    AttemptsLayer, CallbackHandler, CallbackLayer, Callbacks, Delta, LlmResult, ProviderError,
    Registration, Run, RunConfig, RunLayer, Usage,
    callbacks::Overflow,
    chat::{self, ChatRequest},
    event::{Amount, Price, PriceSource, PricedCall},
    handlers::{HandlerMetrics, LlmMetrics, TimedHandler},
    on_event, on_event_async,
    testing::{Script, ScriptedModel},
};

/// The metrics recorded by a test, by name and labels.
type Recorded = BTreeMap<String, Value>;

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Counter(u64),
    Gauge(f64),
    Histogram(usize),
}

fn record(test: impl Future<Output = ()>) -> Recorded {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(test);
    });
    recorded(&snapshotter)
}

fn recorded(snapshotter: &Snapshotter) -> Recorded {
    let metrics = snapshotter.snapshot().into_vec().into_iter();
    let recorded = metrics.map(|(key, _, _, value)| {
        let labels: Vec<_> =
            key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let value = match value {
            DebugValue::Counter(count) => Value::Counter(count),
            DebugValue::Gauge(value) => Value::Gauge(value.into_inner()),
            DebugValue::Histogram(values) => Value::Histogram(values.len()),
        };
        (format!("{}{{{}}}", key.key().name(), labels.join(",")), value)
    });
    recorded.collect()
}

fn answer() -> Script {
    Script::new()
        .respond()
        .text("a")
        .text("b")
        .text("c")
        .chunk(Delta::Usage { usage: Usage::new(7, 5).cached(3, 0).reasoning(2), raw: None })
        .complete("stop")
}

async fn ask(layer: &CallbackLayer, model: &str, script: Script) {
    let service = layer.layer(ScriptedModel::new(script));
    if let Ok(answer) = service.oneshot(ChatRequest::new(model).user("Hi")).await {
        let _ = chat::collect(answer).await;
    }
}

const MODEL: &str = "run_type=llm,provider=anthropic,api=messages,model=claude-1";

#[test]
fn a_model_call_is_counted_and_timed() {
    let recorded = record(async {
        let layer = CallbackLayer::new(Callbacks::new().inline(LlmMetrics::new()));
        ask(&layer, "claude-1", answer()).await;
    });
    let counter =
        |name: &str, more: &str| recorded.get(&format!("{name}{{{MODEL}{more}}}")).cloned();
    assert_eq!(counter("llm_runs_started_total", ""), Some(Value::Counter(1)));
    assert_eq!(counter("llm_runs_in_flight", ""), Some(Value::Gauge(0.0)));
    assert_eq!(counter("llm_runs_ended_total", ",outcome=completed"), Some(Value::Counter(1)));
    let duration = counter("llm_run_duration_seconds", ",outcome=completed");
    assert_eq!(duration, Some(Value::Histogram(1)));
    assert_eq!(counter("llm_time_to_first_token_seconds", ""), Some(Value::Histogram(1)));
    assert_eq!(counter("llm_inter_token_seconds", ""), Some(Value::Histogram(2)));
    assert_eq!(counter("llm_token_events_total", ""), Some(Value::Counter(3)));
    for (direction, tokens) in [("input", 7), ("output", 5), ("cache_read", 3), ("reasoning", 2)] {
        let tokens = Some(Value::Counter(tokens));
        assert_eq!(
            counter("llm_tokens_total", &format!(",direction={direction},source=reported")),
            tokens
        );
    }
    assert_eq!(counter("llm_tokens_total", ",direction=cache_write,source=reported"), None);
}

/// A cache's answer may repeat the usage of the call that it was made by.
#[test]
fn a_cached_answer_counts_no_tokens() {
    let recorded = record(async {
        let cache = service_fn(|request: ChatRequest| {
            Run::current().expect("the call is observed").set_cached();
            ScriptedModel::new(answer()).oneshot(request)
        });
        let layer = CallbackLayer::new(Callbacks::new().inline(LlmMetrics::new()));
        let reply = layer.layer(cache).oneshot(ChatRequest::new("claude-1")).await.unwrap();
        chat::collect(reply).await.unwrap();
    });
    let ended = format!("llm_runs_ended_total{{{MODEL},outcome=completed}}");
    assert_eq!(recorded.get(&ended), Some(&Value::Counter(1)), "{recorded:?}");
    assert!(recorded.keys().all(|name| !name.starts_with("llm_tokens_total")), "{recorded:?}");
}

#[test]
fn estimated_tokens_are_told_from_reported_ones() {
    let recorded = record(async {
        let layer = CallbackLayer::new(Callbacks::new().inline(LlmMetrics::new()));
        ask(&layer, "claude-1", Script::new().respond().text("a").complete("stop")).await;
        let input = Delta::Usage { usage: Usage::new(7, None), raw: None };
        ask(&layer, "claude-1", Script::new().respond().chunk(input).text("a").complete("stop"))
            .await;
    });
    let tokens = |more: &str| recorded.get(&format!("llm_tokens_total{{{MODEL},{more}}}"));
    assert_eq!(tokens("direction=input,source=reported"), Some(&Value::Counter(7)));
    assert_eq!(tokens("direction=output,source=reported"), None);
    for direction in ["input", "output"] {
        let estimated = tokens(&format!("direction={direction},source=estimated"));
        assert!(matches!(estimated, Some(Value::Counter(1..))), "{direction}: {recorded:?}");
    }
}

/// 70 nanodollars an answer, whose usage is reported or estimated.
#[derive(Debug)]
struct FlatRate;

impl PriceSource for FlatRate {
    fn currency(&self) -> Arc<str> {
        "USD".into()
    }

    fn price_of(&self, _call: &PricedCall<'_>) -> Option<Price> {
        Some(Price::new("USD", Amount::from_pico(70_000)))
    }
}

#[test]
fn costs_are_added_up() {
    let recorded = record(async {
        let layer = CallbackLayer::new(Callbacks::new().inline(LlmMetrics::new()));
        ask(&layer, "claude-1", answer()).await;
        let layer = layer.prices(FlatRate);
        ask(&layer, "claude-1", answer()).await;
        ask(&layer, "claude-1", answer()).await;
        ask(&layer, "claude-1", Script::new().respond().text("a").complete("stop")).await;
    });
    for (estimated, nanos) in [(false, 140), (true, 70)] {
        let name = format!("llm_cost_nanos_total{{{MODEL},currency=USD,estimated={estimated}}}");
        assert_eq!(recorded.get(&name), Some(&Value::Counter(nanos)), "{recorded:?}");
    }
}

#[test]
fn every_outcome_counts_with_its_usage() {
    let recorded = record(async {
        let layer = CallbackLayer::new(Callbacks::new().inline(LlmMetrics::new()));
        let usage = || {
            let usage = Delta::Usage { usage: Usage::new(10, 1), raw: None };
            Script::new().respond().chunk(usage).text("a")
        };
        ask(&layer, "claude-1", usage().provider_error(ProviderError::new("x"))).await;
        ask(&layer, "claude-1", usage().fail("x")).await;
        ask(&layer, "claude-1", usage()).await;
        let service = layer.layer(ScriptedModel::new(usage().hang()));
        let mut answer = service.oneshot(ChatRequest::new("claude-1")).await.unwrap();
        for _ in 0..2 {
            futures::StreamExt::next(&mut answer).await.unwrap().unwrap();
        }
        drop(answer);
    });
    for outcome in ["provider", "transport", "truncated", "cancelled"] {
        let ended = &recorded[&format!("llm_runs_ended_total{{{MODEL},outcome={outcome}}}")];
        assert_eq!(*ended, Value::Counter(1), "{outcome}");
    }
    assert_eq!(
        recorded[&format!("llm_tokens_total{{{MODEL},direction=input,source=reported}}")],
        Value::Counter(40)
    );
    assert_eq!(recorded[&format!("llm_runs_in_flight{{{MODEL}}}")], Value::Gauge(0.0));
}

#[test]
fn chains_and_tools_count_by_name_and_nested_layers_once() {
    let recorded = record(async {
        let callbacks = Callbacks::new().inline(LlmMetrics::new());
        // One typed layer inside another: two runs of the same call.
        let model = ServiceBuilder::new()
            .layer(CallbackLayer::new(Callbacks::new()))
            .layer(CallbackLayer::new(Callbacks::new()))
            .service(ScriptedModel::new(answer()));
        let chain = async {
            RunLayer::chain("agent")
                .run(async move {
                    let answer = model.oneshot(ChatRequest::new("claude-1")).await?;
                    chat::collect(answer).await?;
                    RunLayer::tool("look").run(async { Err::<(), BoxError>("x".into()) }).await
                })
                .await
        };
        let _ = RunConfig::new().callbacks(&callbacks).scope(chain).await;
    });
    assert_eq!(recorded[&format!("llm_runs_started_total{{{MODEL}}}")], Value::Counter(1));
    assert_eq!(recorded[&format!("llm_token_events_total{{{MODEL}}}")], Value::Counter(3));
    assert_eq!(
        recorded[&format!("llm_tokens_total{{{MODEL},direction=input,source=reported}}")],
        Value::Counter(7)
    );
    for labels in ["run_type=chain,name=agent", "run_type=tool,name=look"] {
        let ended = &recorded[&format!("llm_runs_ended_total{{{labels},outcome=failed}}")];
        assert_eq!(*ended, Value::Counter(1));
    }
}

/// Whatever model names clients send.
#[test]
fn labels_are_bounded() {
    let recorded = record(async {
        let layer = CallbackLayer::new(
            Callbacks::new().inline(LlmMetrics::builder().max_label_values(10).build()),
        );
        for number in 0..100 {
            ask(&layer, &format!("claude-{number}"), answer()).await;
        }
        ask(&layer, &"x".repeat(1000), answer()).await;
    });
    let started: Vec<_> =
        recorded.iter().filter(|(name, _)| name.starts_with("llm_runs_started_total")).collect();
    assert!(started.len() <= 12, "{started:#?}");
    let other = started.iter().find(|(name, _)| name.contains("model=other")).unwrap();
    assert_eq!(*other.1, Value::Counter(90));
}

#[test]
fn retries_are_counted() {
    let recorded = record(async {
        let layer = CallbackLayer::new(Callbacks::new().inline(LlmMetrics::new()));
        let fails = Script::new().fail("x").respond();
        let model = ScriptedModel::new([fails.clone(), fails, answer()]);
        let mut service = ServiceBuilder::new()
            .layer(AttemptsLayer::new())
            .layer(RetryLayer::new(RetryTimes(5)))
            .layer(layer)
            .service(model);
        let service = service.ready().await.unwrap();
        chat::collect(service.call(ChatRequest::new("claude-1")).await.unwrap()).await.unwrap();
    });
    assert_eq!(recorded[&format!("llm_retries_total{{{MODEL}}}")], Value::Counter(2));
}

#[derive(Clone)]
struct RetryTimes(u32);

impl<S> tower::retry::Policy<ChatRequest, S, BoxError> for RetryTimes {
    type Future = std::future::Ready<()>;

    fn retry(
        &mut self,
        _: &mut ChatRequest,
        result: &mut Result<S, BoxError>,
    ) -> Option<Self::Future> {
        self.0 = self.0.checked_sub(1)?;
        result.is_err().then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, request: &ChatRequest) -> Option<ChatRequest> {
        Some(request.clone())
    }
}

#[test]
fn handlers_have_their_own_metrics() {
    let recorded = record(async {
        let panics = on_event(|_, event| assert!(event.kind().is_start(), "no tokens"));
        let stuck = on_event_async(|_, event| async move {
            if !event.kind().is_start() {
                std::future::pending::<()>().await;
            }
        });
        let stuck = Registration::async_handler(stuck).name("stuck").background().capacity(1);
        let callbacks = Callbacks::new()
            .add(Registration::inline(TimedHandler::new("panics", panics)).name("panics"))
            .add(stuck.overflow(Overflow::DropTokens));
        let (callbacks, metrics) = HandlerMetrics::observe(callbacks);
        ask(&CallbackLayer::new(callbacks.clone()), "claude-1", answer()).await;
        let _ = callbacks.flush(Duration::from_millis(1)).await;
        metrics.sample();
    });
    let labels = "handler=panics,kind=panicked,event=llm_new_token";
    assert_eq!(recorded[&format!("llm_callbacks_faults_total{{{labels}}}")], Value::Counter(1));
    let timed = &recorded["llm_callbacks_handler_seconds{handler=panics}"];
    assert_eq!(*timed, Value::Histogram(1), "only the start: a panic counts as a fault");
    let stuck = |name: &str| recorded[&format!("llm_callbacks_{name}{{handler=stuck}}")].clone();
    assert_eq!(stuck("undelivered_runs"), Value::Gauge(1.0));
    // Three tokens and the end are in the handler, queued or dropped. The start was handled.
    let (Value::Gauge(waiting), Value::Counter(dropped)) =
        (stuck("undelivered_events"), stuck("dropped_tokens_total"))
    else {
        panic!("{recorded:#?}");
    };
    assert!(dropped >= 1);
    assert_eq!(waiting + dropped as f64, 4.0);
}

/// Two handlers of one type have metrics and faults of their own.
#[test]
fn handlers_of_one_type_have_labels_of_their_own() {
    struct Fails(bool);
    impl CallbackHandler for Fails {
        fn on_llm_end(&self, _run: &Run, _result: &LlmResult) {
            assert!(!self.0, "scripted");
        }
    }
    support::quiet_panics();
    let recorded = record(async {
        // Inline: the recorder is one of this thread.
        let fails = |fails| Registration::inline(Fails(fails)).name("audit");
        let callbacks = Callbacks::new().add(fails(false)).add(fails(true)).add(fails(true));
        let (callbacks, metrics) = HandlerMetrics::observe(callbacks);
        ask(&CallbackLayer::new(callbacks.clone()), "claude-1", answer()).await;
        assert!(callbacks.flush(Duration::from_secs(20)).await.is_complete());
        metrics.sample();
    });
    for (handler, faults) in [("audit", None), ("audit#2", Some(1)), ("audit#3", Some(1))] {
        let labels = format!("handler={handler},kind=panicked,event=llm_end");
        let counted = recorded.get(&format!("llm_callbacks_faults_total{{{labels}}}"));
        assert_eq!(counted.cloned(), faults.map(Value::Counter), "{handler}");
        let runs = format!("llm_callbacks_undelivered_runs{{handler={handler}}}");
        assert_eq!(recorded[&runs], Value::Gauge(0.0));
        assert_eq!(
            recorded[&format!("llm_callbacks_suspended{{handler={handler}}}")],
            Value::Gauge(0.0)
        );
    }
}

#[test]
fn token_events_can_be_excluded() {
    let recorded = record(async {
        let metrics = LlmMetrics::builder().without_tokens().build();
        ask(&CallbackLayer::new(Callbacks::new().inline(metrics)), "claude-1", answer()).await;
    });
    assert_eq!(recorded[&format!("llm_runs_started_total{{{MODEL}}}")], Value::Counter(1));
    let pieces = recorded.get(&format!("llm_token_events_total{{{MODEL}}}"));
    assert!(pieces.is_none_or(|count| *count == Value::Counter(0)));
}
