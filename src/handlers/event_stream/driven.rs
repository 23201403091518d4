use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;

use super::{RunEvent, reader::Reader};
use crate::run::InRun;

/// The events of the runs that a future makes. Reading them drives the future.
///
/// The stream ends when the future has completed and every event that its runs emitted has been yielded. The
/// future's output is then available from [`output`](Self::output). Dropping the stream earlier drops the future, and
/// its runs end as cancelled.
///
/// Created by [`EventStream::of`](super::EventStream::of) and [`EventStreamBuilder::of`](super::EventStreamBuilder::of).
#[must_use = "streams do nothing unless polled"]
pub struct DrivenEvents<F: Future> {
    future: Option<Pin<Box<InRun<F>>>>,
    output: Option<F::Output>,
    events: Reader,
}

/// The future is boxed, and the output is never pinned.
impl<F: Future> Unpin for DrivenEvents<F> {}

impl<F: Future> DrivenEvents<F> {
    pub(super) fn new(future: InRun<F>, events: Reader) -> Self {
        Self { future: Some(Box::pin(future)), output: None, events }
    }

    /// Takes the future's output. Returns `None` if the future has not completed or the output was already taken.
    pub fn output(&mut self) -> Option<F::Output> {
        self.output.take()
    }
}

impl<F: Future> Stream for DrivenEvents<F> {
    type Item = RunEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<RunEvent>> {
        loop {
            if let Poll::Ready(event) = self.events.poll_next(cx) {
                return Poll::Ready(event);
            }
            let Some(future) = &mut self.future else { return Poll::Pending };
            let output = ready!(future.as_mut().poll(cx));
            self.output = Some(output);
            // Dropping the future ends the runs that it still holds.
            self.future = None;
            self.events.end();
        }
    }
}

impl<F: Future> fmt::Debug for DrivenEvents<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrivenEvents")
            .field("done", &self.future.is_none())
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}
