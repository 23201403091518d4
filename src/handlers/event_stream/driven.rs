use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;

use super::{EventStream, RunEvent};
use crate::run::InRun;

/// The events of the runs that a future makes; reading them is what drives the future.
///
/// It ends when the future is done and everything was given that its runs told until then. What the
/// future gave is its [`output`](Self::output). Dropped before, it drops the future, and its runs end as
/// cancelled.
///
/// Made by [`EventStreamBuilder::run`](super::EventStreamBuilder::run).
#[must_use = "streams do nothing unless polled"]
pub struct DrivenEvents<F: Future> {
    future: Option<Pin<Box<InRun<F>>>>,
    output: Option<F::Output>,
    events: EventStream,
}

/// The future is in a box, and its output is never pinned.
impl<F: Future> Unpin for DrivenEvents<F> {}

impl<F: Future> DrivenEvents<F> {
    pub(super) fn new(future: InRun<F>, events: EventStream) -> Self {
        Self { future: Some(Box::pin(future)), output: None, events }
    }

    /// What the future gave, once: none while it is not done, or was taken.
    pub fn output(&mut self) -> Option<F::Output> {
        self.output.take()
    }
}

impl<F: Future> Stream for DrivenEvents<F> {
    type Item = RunEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<RunEvent>> {
        loop {
            if let Poll::Ready(event) = Pin::new(&mut self.events).poll_next(cx) {
                return Poll::Ready(event);
            }
            let Some(future) = &mut self.future else { return Poll::Pending };
            let output = ready!(future.as_mut().poll(cx));
            self.output = Some(output);
            // Runs that it was still in end here.
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
