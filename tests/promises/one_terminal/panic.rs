//! Panics of the inner service, which reach the caller unchanged, and panics of the consumer.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, resume_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use futures::{FutureExt, Stream, StreamExt, stream};
use support::{MODES, assert_same_answer, call, everywhere, panic_of, request};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    ErrorKind, EventKind,
    chat::{ChatChunk, ChatRequest},
};

use super::{script, sum};

/// The payload of the inner service's panic.
#[derive(Debug, PartialEq)]
struct Payload(u32);

fn panic_with_payload() -> ! {
    resume_unwind(Box::new(Payload(7)))
}

#[track_caller]
fn assert_unchanged(payload: &(dyn std::any::Any + Send)) {
    assert_eq!(payload.downcast_ref(), Some(&Payload(7)));
}

type BoxStream = Pin<Box<dyn Stream<Item = Result<ChatChunk, BoxError>> + Send>>;

#[derive(Clone)]
struct PanicsInCall;

impl Service<ChatRequest> for PanicsInCall {
    type Response = BoxStream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<BoxStream, BoxError>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: ChatRequest) -> Self::Future {
        panic_with_payload()
    }
}

#[test]
fn a_panic_in_call_ends_the_run() {
    everywhere(|recorders| async move {
        let mut model = recorders.layer().layer(PanicsInCall);
        let call = async { model.ready().await.unwrap().call(request()).await };
        let payload = AssertUnwindSafe(call).catch_unwind().await.err().unwrap();
        assert_unchanged(&*payload);
        recorders.ended(Some(ErrorKind::Panic)).await;
    });
}

#[test]
fn a_panic_in_the_future_ends_the_run() {
    everywhere(|recorders| async move {
        let model = service_fn(|_: ChatRequest| async {
            tokio::task::yield_now().await;
            panic_with_payload();
            #[expect(unreachable_code, reason = "names the type")]
            Ok::<BoxStream, BoxError>(Box::pin(stream::empty()))
        });
        let mut model = recorders.layer().layer(model);
        let call = async { model.ready().await.unwrap().call(request()).await };
        let payload = AssertUnwindSafe(call).catch_unwind().await.err().unwrap();
        assert_unchanged(&*payload);
        recorders.ended(Some(ErrorKind::Panic)).await;
    });
}

#[test]
fn a_panic_in_the_stream_ends_the_run_once() {
    everywhere(|recorders| async move {
        let model = service_fn(|_: ChatRequest| async {
            let first = stream::iter(super::chunks().into_iter().take(5).map(Ok));
            let stream = first.chain(stream::poll_fn(|_| panic_with_payload()));
            Ok::<BoxStream, BoxError>(Box::pin(stream))
        });
        let mut model = recorders.layer().layer(model);
        let mut stream = model.ready().await.unwrap().call(request()).await.unwrap();
        for _ in 0..5 {
            stream.next().await.unwrap().unwrap();
        }
        let payload = AssertUnwindSafe(stream.next()).catch_unwind().await.err().unwrap();
        assert_unchanged(&*payload);
        // The terminal is already emitted. Dropping the stream must not emit another.
        let end = recorders.ended(Some(ErrorKind::Panic)).await;
        assert_same_answer(end.result().unwrap(), &sum(5));
        drop(stream);
        recorders.ended(Some(ErrorKind::Panic)).await;
    });
}

/// A panic of the consumer is not one of the model: the stream is dropped while it unwinds.
#[test]
fn a_panic_of_the_consumer_ends_the_run_cancelled() {
    everywhere(|recorders| async move {
        let (inner, mut model) = recorders.model(script(usize::MAX));
        let mut stream = call(&mut model).await.unwrap();
        let consumer = async move {
            stream.next().await.unwrap().unwrap();
            stream.next().await.unwrap().unwrap();
            stream.next().await.unwrap().unwrap();
            panic_with_payload();
        };
        let payload = AssertUnwindSafe(consumer).catch_unwind().await.err().unwrap();
        assert_unchanged(&*payload);
        assert_eq!(inner.live(), 0);
        let end = recorders.ended(Some(ErrorKind::Cancelled)).await;
        assert_same_answer(end.result().unwrap(), &sum(3));
    });
    // The same before the response.
    everywhere(|recorders| async move {
        let (_, mut model) = recorders.model(script(usize::MAX));
        let future = model.ready().await.unwrap().call(ChatRequest::new("any"));
        let payload = panic_of(move || {
            let _future = future;
            panic_with_payload();
        });
        assert_unchanged(&*payload);
        recorders.ended(Some(ErrorKind::Cancelled)).await;
    });
}

/// A handler that panics at the terminal event, while the inner stream's panic unwinds, neither stops nor
/// replaces that panic.
#[test]
fn a_handlers_panic_does_not_replace_the_models() {
    for mode in MODES {
        everywhere(move |recorders| async move {
            let mut recorders = recorders.with(mode.closure(|_run, event| {
                assert_ne!(event.kind(), EventKind::LlmError, "a panic of a handler");
            }));
            let model = service_fn(|_: ChatRequest| async {
                Ok::<BoxStream, BoxError>(Box::pin(stream::poll_fn(|_| panic_with_payload())))
            });
            let mut model = recorders.layer().layer(model);
            let mut stream = model.ready().await.unwrap().call(request()).await.unwrap();
            let next = poll_fn(|cx| stream.poll_next_unpin(cx));
            let payload = AssertUnwindSafe(next).catch_unwind().await.err().unwrap();
            assert_unchanged(&*payload);
            assert!(recorders.callbacks.flush(support::PATIENCE).await.is_complete());
            assert_eq!(recorders.faults.one().event, Some(EventKind::LlmError));
            recorders.faults = Default::default();
            recorders.ended(Some(ErrorKind::Panic)).await;
        });
    }
}
