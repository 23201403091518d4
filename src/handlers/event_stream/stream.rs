use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;

use super::{DrivenEvents, EventStreamBuilder, RunEvent, reader::Reader};
use crate::callbacks::Callbacks;

/// The events of a run and of the runs inside it, as they happen.
///
/// Events come in the order in which they are emitted: each run's start first and exactly one end or error last, a
/// run's start before those of the runs inside it. The stream ends with the root run: events of runs that have not
/// ended by then are not yielded. Dropping the stream detaches it; the calls go on unobserved.
///
/// Created by [`attach`](Self::attach), or by [`builder`](Self::builder) to filter the events.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct EventStream(Reader);

impl EventStream {
    /// Returns a builder, which selects runs and events.
    pub fn builder() -> EventStreamBuilder {
        EventStreamBuilder::new()
    }

    /// Creates a stream with the default settings, and the callbacks to attach to a call: see
    /// [`EventStreamBuilder::attach`].
    pub fn attach() -> (Callbacks, EventStream) {
        Self::builder().attach()
    }

    /// Creates a stream with the default settings that drives a future and yields the events of all runs made in it:
    /// see [`EventStreamBuilder::of`].
    pub fn of<F: Future>(future: F) -> DrivenEvents<F> {
        Self::builder().of(future)
    }

    pub(super) fn new(reader: Reader) -> Self {
        Self(reader)
    }
}

impl Stream for EventStream {
    type Item = RunEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<RunEvent>> {
        self.0.poll_next(cx)
    }
}
