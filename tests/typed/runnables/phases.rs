//! The three phases: start, work, end.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures::{FutureExt, StreamExt, poll, stream};
use support::{Gate, on_each_runtime};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{Callbacks, EventKind, Run, RunLayer, RunType};

/// If no handler is awaited, the inner service is called in `call`.
#[tokio::test]
async fn without_awaited_handlers_the_inner_service_is_called_in_call() {
    let called = Arc::new(AtomicBool::new(false));
    let inner = {
        let called = Arc::clone(&called);
        service_fn(move |(): ()| {
            called.store(true, Ordering::SeqCst);
            async { Ok::<_, BoxError>(()) }
        })
    };
    let callbacks = Callbacks::new().inline(tower_llm_callbacks::on_event(|_, _| ()));
    let mut service = RunLayer::chain("chain").callbacks(&callbacks).layer(inner);
    let call = service.ready().await.unwrap().call(());
    assert!(called.load(Ordering::SeqCst));
    call.await.unwrap();
}

#[test]
fn the_start_precedes_the_call_and_the_end_precedes_the_response() {
    on_each_runtime(|| async {
        let (start, end) = (Gate::new(), Gate::new());
        let callbacks = Callbacks::new()
            .add(start.at(EventKind::RunStart(RunType::Chain)))
            .add(end.at(EventKind::RunEnd(RunType::Chain)));
        let called = Arc::new(AtomicBool::new(false));
        let inner = {
            let called = Arc::clone(&called);
            service_fn(move |(): ()| {
                called.store(true, Ordering::SeqCst);
                async { Ok::<_, BoxError>("response") }
            })
        };
        let mut service = RunLayer::chain("chain").callbacks(&callbacks).layer(inner);
        let mut call = Box::pin(service.ready().await.unwrap().call(()));
        assert!(poll!(&mut call).is_pending());
        start.entered().await;
        assert!(poll!(&mut call).is_pending());
        assert!(!called.load(Ordering::SeqCst));
        start.open();
        let mut entered = Box::pin(end.entered());
        tokio::select! {
            biased;
            _ = &mut call => panic!("the end is not handled"),
            () = &mut entered => {}
        }
        assert!(called.load(Ordering::SeqCst));
        assert!(poll!(&mut call).is_pending());
        end.open();
        assert_eq!(call.await.unwrap(), "response");
    });
}

#[test]
fn the_end_of_a_stream_waits_for_its_terminal() {
    on_each_runtime(|| async {
        let end = Gate::new();
        let callbacks = Callbacks::new().add(end.at(EventKind::RunEnd(RunType::Chain)));
        let inner = service_fn(|(): ()| async {
            Ok::<_, BoxError>(stream::iter([Ok::<_, BoxError>(1), Ok(2)]))
        });
        let layer = RunLayer::chain("chain").callbacks(&callbacks).streaming();
        let mut items = layer.layer(inner).oneshot(()).await.unwrap();
        assert_eq!(items.next().await.unwrap().unwrap(), 1);
        assert_eq!(items.next().await.unwrap().unwrap(), 2);
        assert!(items.next().now_or_never().is_none());
        end.entered().await;
        assert!(items.next().now_or_never().is_none());
        end.open();
        assert!(items.next().await.is_none());
        assert!(items.next().await.is_none());
    });
}

/// Each poll of an inner stream happens in its run.
#[tokio::test]
async fn a_stream_is_polled_in_its_run() {
    let inner = service_fn(|(): ()| async {
        let names = stream::iter(0..3)
            .map(|_| Ok::<_, BoxError>(Run::current().map(|run| run.name().to_owned())));
        Ok::<_, BoxError>(names)
    });
    let callbacks = Callbacks::new().inline(tower_llm_callbacks::on_event(|_, _| ()));
    let layer = RunLayer::chain("generator").callbacks(&callbacks).streaming();
    let mut items = layer.layer(inner).oneshot(()).await.unwrap();
    while let Some(name) = items.next().await {
        assert_eq!(name.unwrap().as_deref(), Some("generator"));
        assert!(Run::current().is_none());
    }
}
