//! The OpenTelemetry context of a run is current in its call, and outlives it.

use std::time::Duration;

use futures::StreamExt;
use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt,
    trace::{FutureExt, Tracer, TracerProvider},
};
use support::otel::Otel;
use support::{read, request};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, InCurrentRun, Run, RunConfig, RunLayer,
    chat::ChatRequest,
    handlers::RunTrees,
    testing::{Script, ScriptedModel},
};

async fn ask(callbacks: &Callbacks) {
    let mut model =
        CallbackLayer::new(callbacks.clone()).layer(ScriptedModel::new(Script::answer(["Hi"])));
    read(model.ready().await.unwrap().call(ChatRequest::new("m").user("Hi")).await.unwrap()).await;
}

/// Spans that are started below the layer, in the call and in the stream, are below the run's span.
#[tokio::test]
async fn spans_below_the_layer_are_below_the_runs_span() {
    let otel = Otel::new();
    let tracer = otel.tracer_provider.tracer("below");
    let inner = service_fn(move |_: ChatRequest| {
        let (at_call, tracer) = (tracer.start("in call"), tracer.clone());
        async move {
            tokio::task::yield_now().await;
            drop(at_call);
            drop(tracer.start("in future"));
            let stream = ScriptedModel::new(Script::answer(["a"])).oneshot(request()).await?;
            Ok::<_, BoxError>(stream.inspect(move |_| drop(tracer.start("in stream"))))
        }
    });
    let mut model = CallbackLayer::new(otel.callbacks()).layer(inner);
    read(model.ready().await.unwrap().call(request()).await.unwrap()).await;
    let spans = otel.ended();
    let run = spans.iter().find(|span| span.name.starts_with("chat")).unwrap();
    for name in ["in call", "in future", "in stream"] {
        let below = spans.iter().filter(|span| span.name == name);
        assert!(below.clone().count() > 0, "{name}");
        assert!(below.clone().all(|span| span.is_below(run)), "{name}");
    }
}

/// A child that starts after its parent's end is in the parent's trace, below the parent's span.
#[tokio::test]
async fn a_child_after_its_parents_end_keeps_the_trace() {
    let otel = Otel::new();
    let trees = RunTrees::new();
    let callbacks = otel.callbacks().inline(trees.clone());
    let (parent, later) = RunConfig::new()
        .callbacks(&callbacks)
        .scope(async {
            let chain = RunLayer::chain("parent").run(async {
                let later = async { ask(&Callbacks::new()).await }.in_current_run();
                Ok::<_, BoxError>((Run::current().unwrap(), later))
            });
            chain.await.unwrap()
        })
        .await;
    assert!(parent.has_ended());
    later.await;
    ask(&Callbacks::new()).in_run(&parent).await;
    let spans = otel.ended();
    let root = spans.iter().find(|span| span.name == "parent").unwrap();
    let children: Vec<_> = spans.iter().filter(|span| span.name.starts_with("chat")).collect();
    assert_eq!(children.len(), 2);
    for child in children {
        assert!(child.is_below(root), "{child:?}");
    }
    let metadata_free = |run: &Run| run.trace_id().map(str::to_owned);
    assert!(metadata_free(&parent).is_some());
}

/// The caller's baggage and its suppression of telemetry reach nested runs and what they start.
#[tokio::test]
async fn baggage_and_suppression_reach_nested_runs() {
    let otel = Otel::new();
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let note = std::sync::Arc::clone(&seen);
    let inner = service_fn(move |_: ChatRequest| {
        let tenant = Context::current().baggage().get("tenant").map(ToString::to_string);
        note.lock().unwrap().push(tenant);
        ScriptedModel::new(Script::answer(["a"])).oneshot(request())
    });
    let model = CallbackLayer::new(Callbacks::new()).layer(inner);
    let nested = || {
        let (model, callbacks) = (model.clone(), otel.callbacks());
        async move {
            let chain = RunLayer::chain("chain").inheritable_callbacks(&callbacks);
            chain
                .run(async {
                    read(model.oneshot(request()).await?).await;
                    Ok::<_, BoxError>(())
                })
                .await
                .unwrap();
        }
    };
    let baggage = Context::current_with_baggage([KeyValue::new("tenant", "acme")]);
    nested().with_context(baggage).await;
    assert_eq!(*seen.lock().unwrap(), [Some("acme".to_owned())]);
    assert_eq!(otel.ended().len(), 2);

    let suppressed = Context::current().with_telemetry_suppressed();
    nested().with_context(suppressed).await;
    assert_eq!(otel.ended().len(), 2, "nothing more is recorded");
}

/// A span ends when the answer ends, whatever other handlers do.
#[tokio::test(start_paused = true)]
async fn a_span_ends_with_its_answer() {
    let otel = Otel::new();
    let slow =
        tower_llm_callbacks::on_event_async(|_, _| tokio::time::sleep(Duration::from_secs(20)));
    let callbacks = otel.callbacks().async_handler(slow);
    ask(&callbacks).await;
    let spans = otel.ended();
    let took = spans[0].end.duration_since(spans[0].start).unwrap();
    // The start event is handled before the call.
    assert_eq!(took.as_secs(), 20, "{took:?}");
}
