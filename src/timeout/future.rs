use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Response, StatusCode};
use pin_project_lite::pin_project;
use tower::BoxError;

use super::{TimeoutBody, TimeoutStream, limits::Timer};
use crate::http_layer::TransportFailure;

macro_rules! timeout_future {
    ($(#[$doc:meta])* $future:ident) => {
        pin_project! {
            $(#[$doc])*
            #[must_use = "futures do nothing unless polled"]
            pub struct $future<F> {
                // `None` when it is over.
                #[pin]
                inner: Option<F>,
                timer: Option<Timer>,
            }
        }

        impl<F> $future<F> {
            pub(super) fn new(inner: F, timer: Timer) -> Self {
                Self { inner: Some(inner), timer: Some(timer) }
            }
        }

        impl<F> fmt::Debug for $future<F> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($future)).finish_non_exhaustive()
            }
        }
    };
}

timeout_future! {
    /// The response future of a [`StreamTimeout`](super::StreamTimeout).
    StreamTimeoutFuture
}

timeout_future! {
    /// The response future of a [`BodyTimeout`](super::BodyTimeout).
    BodyTimeoutFuture
}

const OVER: &str = "a response future was polled after completion";

impl<F, St, E> Future for StreamTimeoutFuture<F>
where
    F: Future<Output = Result<St, E>>,
    E: Into<BoxError>,
{
    type Output = Result<TimeoutStream<St>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let inner = this.inner.as_mut().as_pin_mut().expect(OVER);
        let output = match (inner.poll(cx), &mut this.timer) {
            (Poll::Ready(output), timer) => match (output, timer.take()) {
                (Ok(stream), Some(timer)) => Ok(TimeoutStream::new(stream, timer)),
                (Err(error), _) => Err(error.into()),
                (Ok(_), None) => unreachable!("a call has one response"),
            },
            (Poll::Pending, Some(timer)) => match timer.poll(cx) {
                Poll::Ready(timed_out) => Err(timed_out.into()),
                Poll::Pending => return Poll::Pending,
            },
            (Poll::Pending, None) => return Poll::Pending,
        };
        this.inner.set(None);
        Poll::Ready(output)
    }
}

impl<F, B, E> Future for BodyTimeoutFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<TimeoutBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let inner = this.inner.as_mut().as_pin_mut().expect(OVER);
        let output = match (inner.poll(cx), &mut this.timer) {
            (Poll::Ready(output), timer) => match (output, timer.take()) {
                (Ok(response), Some(timer)) => {
                    Ok(response.map(|body| TimeoutBody::new(body, timer)))
                }
                (Err(error), _) => Err(error),
                (Ok(_), None) => unreachable!("a call has one response"),
            },
            (Poll::Pending, Some(timer)) => match timer.poll(cx) {
                Poll::Ready(timed_out) => {
                    let message = timed_out.to_string();
                    let mut response = Response::new(TimeoutBody::own(message.clone()));
                    *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
                    response.extensions_mut().insert(TransportFailure::new(message));
                    Ok(response)
                }
                Poll::Pending => return Poll::Pending,
            },
            (Poll::Pending, None) => return Poll::Pending,
        };
        this.inner.set(None);
        Poll::Ready(output)
    }
}
