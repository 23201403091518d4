use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use http::Response;
use http_body::Body;

use super::{
    DrainBody, DrainStream,
    leaving::Leaving,
    unread::{Rest, rest_of_answer, rest_of_call, rest_of_response},
};
use crate::run::InRun;

/// A call, as it is moved into the task.
type Call<F> = Pin<Box<InRun<F>>>;

enum Progress {
    /// Nobody has asked for anything.
    Unpolled,
    /// If this is set in a drop, the call panicked.
    Polling,
    Polled,
}

macro_rules! drain_future {
    ($(#[$doc:meta])* $future:ident) => {
        $(#[$doc])*
        ///
        /// Dropped after it was polled, and before its output, it hands the inner call to a task, which reads the answer to its
        /// end.
        #[must_use = "futures do nothing unless polled"]
        pub struct $future<F> {
            /// `None` when it is over.
            call: Option<Call<F>>,
            leaving: Option<Leaving>,
            progress: Progress,
            /// A function, so that the type has no bounds.
            rest: fn(Call<F>) -> Rest,
        }

        impl<F: Future> $future<F> {
            /// Polls the call. Returns its output, and what becomes of its response if its consumer leaves.
            fn poll_call(&mut self, cx: &mut Context<'_>) -> Poll<(F::Output, Leaving)> {
                let Some(call) = &mut self.call else {
                    panic!("a response future was polled after completion");
                };
                self.progress = Progress::Polling;
                let poll = call.as_mut().poll(cx);
                self.progress = Progress::Polled;
                let output = ready!(poll);
                self.call = None;
                let Some(leaving) = self.leaving.take() else {
                    unreachable!("a call has one response");
                };
                Poll::Ready((output, leaving))
            }
        }

        impl<F> Drop for $future<F> {
            fn drop(&mut self) {
                if let Progress::Polled = self.progress
                    && let (Some(leaving), Some(call)) = (self.leaving.take(), self.call.take())
                    && !leaving.has_only_waited()
                    && let Some(rest) = (self.rest)(call)
                {
                    leaving.drain(rest);
                }
            }
        }

        impl<F> fmt::Debug for $future<F> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($future)).finish_non_exhaustive()
            }
        }
    };
}

drain_future! {
    /// The response future of a [`Drain`](super::Drain).
    DrainFuture
}

drain_future! {
    /// The response future of a [`StreamDrain`](super::StreamDrain).
    StreamDrainFuture
}

impl<F, B, E> DrainFuture<F>
where
    F: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: Body + Send + 'static,
{
    pub(super) fn new(call: InRun<F>, leaving: Leaving) -> Self {
        let rest = |call| rest_of_call(call, rest_of_response);
        Self {
            call: Some(Box::pin(call)),
            leaving: Some(leaving),
            progress: Progress::Unpolled,
            rest,
        }
    }
}

impl<F, St, T, E, E2> StreamDrainFuture<F>
where
    F: Future<Output = Result<St, E2>> + Send + 'static,
    St: Stream<Item = Result<T, E>> + Send + 'static,
{
    pub(super) fn new(call: InRun<F>, leaving: Leaving) -> Self {
        let rest = |call| rest_of_call(call, rest_of_answer);
        Self {
            call: Some(Box::pin(call)),
            leaving: Some(leaving),
            progress: Progress::Unpolled,
            rest,
        }
    }
}

impl<F, B, E> Future for DrainFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body + Send + 'static,
{
    type Output = Result<Response<DrainBody<B>>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (output, leaving) = ready!(self.poll_call(cx));
        Poll::Ready(output.map(|response| DrainBody::wrap(response, leaving)))
    }
}

impl<F, St, T, E, E2> Future for StreamDrainFuture<F>
where
    F: Future<Output = Result<St, E2>>,
    St: Stream<Item = Result<T, E>> + Send + 'static,
{
    type Output = Result<DrainStream<St>, E2>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (output, leaving) = ready!(self.poll_call(cx));
        Poll::Ready(output.map(|stream| DrainStream::wrap(stream, leaving)))
    }
}
