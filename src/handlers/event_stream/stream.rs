use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::Stream;

use super::{EventStreamBuilder, RunEvent, queue::Queue};

/// The events of a run and its children, as they happen.
///
/// They come in the order in which they are told: each run's start first and exactly one end or error last,
/// errors included; a run's start before those of the runs in it. It ends with the root run's end: of runs that
/// have not ended by then the rest is not given. Dropped, it is detached: the calls go on unobserved.
///
/// Made by [`EventStream::builder`].
#[must_use = "streams do nothing unless polled"]
pub struct EventStream {
    queue: Arc<Queue>,
}

impl EventStream {
    /// A builder: says of which runs, and which events, and is attached to a call or drives one.
    pub fn builder() -> EventStreamBuilder {
        EventStreamBuilder::new()
    }

    pub(super) fn new(queue: Arc<Queue>) -> Self {
        Self { queue }
    }

    /// It ends when everything is given that was told by now.
    pub(super) fn end(&self) {
        self.queue.end();
    }
}

impl Stream for EventStream {
    type Item = RunEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<RunEvent>> {
        self.queue.poll_read(cx)
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.queue.detach();
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("ended", &self.queue.has_ended()).finish()
    }
}
