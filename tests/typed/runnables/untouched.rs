//! The call is untouched: responses, errors, readiness.

use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use futures::{
    StreamExt,
    future::{BoxFuture, poll_fn},
    stream,
};
use support::{Gate, Recorders, everywhere, in_each_mode};
use tower::{
    BoxError, Layer, Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimitLayer,
    load_shed::LoadShedLayer, service_fn,
};
use tower_llm_callbacks::{
    Callbacks, EventKind, RunLayer, RunType,
    chat::{ChatChunk, ChatRequest},
    runnable::RunService,
};

use super::chain;

/// A service that panics if it is called without being ready, and whose clones are not ready.
#[derive(Default)]
struct Picky {
    ready: bool,
    calls: Arc<Mutex<usize>>,
}

impl Clone for Picky {
    fn clone(&self) -> Self {
        Self { ready: false, calls: Arc::clone(&self.calls) }
    }
}

impl Service<u32> for Picky {
    type Response = u32;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<u32, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u32) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without being ready");
        *self.calls.lock().unwrap() += 1;
        Box::pin(async move { Ok(request + 1) })
    }
}

#[test]
fn the_ready_service_is_the_one_called() {
    everywhere(|recorders| async move {
        let mut service = chain(&recorders).layer(Picky::default());
        for number in 0..3 {
            let service = service.ready().await.unwrap();
            assert_eq!(service.call(number).await.unwrap(), number + 1);
        }
    });
}

/// Readiness is neither wasted nor kept: a limit of one call serves all calls.
#[test]
fn a_limit_below_is_not_exhausted() {
    in_each_mode(|mode| async move {
        let recorders = Recorders::new(&[mode]);
        let mut service = ServiceBuilder::new()
            .layer(chain(&recorders))
            .layer(ConcurrencyLimitLayer::new(1))
            .service(Picky::default());
        for number in 0..3 {
            let call = service.ready().await.unwrap().call(number);
            assert_eq!(call.await.unwrap(), number + 1);
        }
        // A dropped call releases its permit.
        drop(service.ready().await.unwrap().call(9));
        assert_eq!(service.ready().await.unwrap().call(1).await.unwrap(), 2);
    });
}

#[tokio::test]
async fn poll_ready_reaches_the_inner_service() {
    let recorders = Recorders::new(&support::MODES);
    let inner = ServiceBuilder::new()
        .layer(ConcurrencyLimitLayer::new(1))
        .service(service_fn(|(): ()| async { Ok::<_, BoxError>(()) }));
    let mut first = chain(&recorders).layer(inner.clone());
    let mut second = chain(&recorders).layer(inner);
    first.ready().await.unwrap();
    let pending = tokio::time::timeout(
        Duration::from_millis(5),
        poll_fn(|cx| Service::<()>::poll_ready(&mut second, cx)),
    );
    assert!(pending.await.is_err());
    recorders.nothing();
}

#[tokio::test]
async fn errors_of_readiness_downcast() {
    let recorders = Recorders::new(&support::MODES);
    let gate = Gate::new();
    let callbacks = Callbacks::new().add(gate.at(EventKind::RunStart(RunType::Tool)));
    let mut service = ServiceBuilder::new()
        .layer(chain(&recorders))
        .layer(LoadShedLayer::new())
        .layer(ConcurrencyLimitLayer::new(1))
        .layer(RunLayer::tool("inner").callbacks(&callbacks))
        .service(service_fn(|(): ()| async { Ok::<_, BoxError>(()) }));
    let held = service.ready().await.unwrap().call(());
    let error = service.ready().await.unwrap().call(()).await.unwrap_err();
    assert!(error.is::<tower::load_shed::error::Overloaded>());
    gate.open();
    held.await.unwrap();
}

/// Bounds can be checked by name, and a service is `Send` if its parts are.
#[tokio::test]
async fn a_service_is_send_and_clone() {
    fn shared<T: Send + Sync + Clone + 'static>(value: T) -> T {
        value
    }
    let recorders = Recorders::new(&support::MODES);
    let inner = service_fn(|(): ()| async { Ok::<_, BoxError>(()) });
    let service: RunService<_> = chain(&recorders).layer(inner).checked::<()>();
    let mut service = shared(service);
    tokio::spawn(async move { service.ready().await?.call(()).await }).await.unwrap().unwrap();
}

/// The future of `ServiceExt::oneshot` is not `Send` to the compiler if errors are boxed. Ours is.
#[tokio::test]
async fn oneshot_may_be_spawned() {
    let recorders = Recorders::new(&support::MODES);
    let unary = chain(&recorders);
    let streaming = chain(&recorders).streaming();
    let items = || stream::iter([Ok::<_, BoxError>(ChatChunk::Done)]);
    let model = recorders
        .layer()
        .layer(service_fn(move |_: ChatRequest| async move { Ok::<_, BoxError>(items()) }));
    let task = tokio::spawn(async move {
        let inner = service_fn(|(): ()| async { Ok::<_, BoxError>(()) });
        unary.layer(inner).oneshot(()).await?;
        let inner = service_fn(move |(): ()| async move { Ok::<_, BoxError>(items()) });
        let mut answer = streaming.layer(inner).oneshot(()).await?;
        while let Some(chunk) = answer.next().await {
            chunk?;
        }
        let mut answer = model.oneshot(support::request()).await?;
        while let Some(chunk) = answer.next().await {
            chunk?;
        }
        Ok::<_, BoxError>(())
    });
    task.await.unwrap().unwrap();
}
