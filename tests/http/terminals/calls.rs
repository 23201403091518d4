//! Calls that end before there is a response.

use std::{
    future::{Ready, pending},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::FutureExt;
use http::{Request, Response};
use http_body_util::Full;
use support::http::{Alive, PROMPT, Reset, Scripted, Step, data, post, prompt};
use support::quiet_panics;
use support::{Mode, Recorders, in_each_mode, on_each_runtime};
use tower::{BoxError, Layer, Service, service_fn};
use tower_llm_callbacks::{
    ErrorKind, EventData, HttpCallbackLayer, http_layer::RequestBody, testing::Recorded,
};

async fn empty(recorders: &Recorders, kind: ErrorKind) -> Recorded {
    let terminal = recorders.ended(Some(kind)).await;
    assert_eq!(terminal.result().unwrap().choices, []);
    assert!(terminal.result().unwrap().http.is_none());
    terminal
}

/// Whether the request body was complete at the start event.
#[track_caller]
fn request_was_complete(recorders: &Recorders) -> bool {
    let events = recorders.each[0].1.events();
    let EventData::LlmStart(start) = &events[0].data else { panic!("{events:?}") };
    start.http.as_ref().unwrap().body_complete
}

#[test]
fn drop_before_the_response_ends_cancelled() {
    in_each_mode(|mode| async move {
        // Never polled, polled once, and polled until the inner call hangs.
        for polls in [0, 1, 20] {
            let (recorders, alive) = (Recorders::new(&[mode]), Alive::default());
            let inner = service_fn(|request: Request<RequestBody<Full<Bytes>>>| {
                let alive = alive.clone();
                async move {
                    let _held = (alive, request);
                    pending::<Result<Response<Full<Bytes>>, BoxError>>().await
                }
            });
            let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
            let mut call = Box::pin(layer.layer(inner).call(prompt()));
            for _ in 0..polls {
                assert!(call.as_mut().now_or_never().is_none());
                tokio::task::yield_now().await;
            }
            drop(call);
            assert_eq!(alive.count(), 0);
            empty(&recorders, ErrorKind::Cancelled).await;
            assert!(request_was_complete(&recorders));
        }
    });
}

#[test]
fn drop_while_the_request_arrives_ends_cancelled() {
    in_each_mode(|mode| async move {
        for polls in [0, 1, 3] {
            let (recorders, alive) = (Recorders::new(&[mode]), Alive::default());
            let inner = service_fn(|_: Request<RequestBody<Scripted>>| async {
                Err::<Response<Full<Bytes>>, BoxError>(
                    "the inner service must not be called".into(),
                )
            });
            let body = Scripted::new([data(&PROMPT[..20]), Step::Hang]).alive(&alive);
            let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
            let mut call = Box::pin(layer.layer(inner).call(post(body)));
            for _ in 0..polls {
                assert!(call.as_mut().now_or_never().is_none());
            }
            assert_eq!(recorders.each[0].1.kinds(), [], "the start waits for the request");
            drop(call);
            assert_eq!(alive.count(), 0);
            empty(&recorders, ErrorKind::Cancelled).await;
            assert!(!request_was_complete(&recorders));
        }
    });
}

#[test]
fn a_failed_request_body_is_passed_on() {
    in_each_mode(|mode| async move {
        let recorders = Recorders::new(&[mode]);
        let inner = service_fn(|request: Request<RequestBody<Scripted>>| async {
            let (bytes, error) = support::http::read(request.into_body()).await;
            assert_eq!(bytes, PROMPT.as_bytes()[..20]);
            let error: BoxError = error.unwrap();
            Err::<Response<Full<Bytes>>, _>(error)
        });
        let body = Scripted::new([Step::Wait, data(&PROMPT[..20]), Step::Wait, Step::Fail]);
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
        let error = layer.layer(inner).call(post(body)).await.unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Reset(7)));
        // It is the client that broke it off.
        let terminal = empty(&recorders, ErrorKind::Cancelled).await;
        assert_eq!(terminal.error().unwrap().message(), "the peer reset the stream");
        assert!(!request_was_complete(&recorders));
    });
}

/// Panics in `call` or in its future.
#[derive(Clone)]
struct Panics {
    in_call: bool,
}

impl<B> Service<Request<B>> for Panics {
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = futures::future::Either<
        Ready<Result<Self::Response, BoxError>>,
        futures::future::BoxFuture<'static, Result<Self::Response, BoxError>>,
    >;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        assert!(!self.in_call, "scripted: the service panics");
        async { panic!("scripted: the future panics") }.boxed().right_future()
    }
}

#[test]
fn a_panic_in_the_inner_service_or_its_future_ends_panicked() {
    quiet_panics();
    in_each_mode(|mode| async move {
        for in_call in [true, false] {
            let recorders = Recorders::new(&[mode]);
            let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
            let mut service = layer.layer(Panics { in_call });
            let call = async move { service.call(prompt()).await.map(|_| ()) };
            assert!(tokio::spawn(call).await.unwrap_err().is_panic());
            empty(&recorders, ErrorKind::Panic).await;
        }
    });
}

/// If the request body panics, the inner service is never called.
#[test]
fn a_panic_in_the_request_body_ends_cancelled() {
    quiet_panics();
    on_each_runtime(|| async {
        for waits in [false, true] {
            let recorders = Recorders::new(&[Mode::Inline]);
            let steps = [data("{"), if waits { Step::Wait } else { data("") }, Step::Panic];
            let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
            let inner = service_fn(|_: Request<RequestBody<Scripted>>| async {
                Err::<Response<Full<Bytes>>, BoxError>(
                    "the inner service must not be called".into(),
                )
            });
            let mut service = layer.layer(inner);
            let call = async move { service.call(post(Scripted::new(steps))).await.map(|_| ()) };
            assert!(tokio::spawn(call).await.unwrap_err().is_panic());
            empty(&recorders, ErrorKind::Cancelled).await;
        }
    });
}
