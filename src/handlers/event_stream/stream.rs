use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use futures_core::Stream;
use tokio::sync::mpsc::Receiver;

use super::{EventStreamBuilder, StreamEvent, progress::Progress};

/// The events of a run and its children, as they happen.
///
/// Each run's events are in order, its start first and exactly one end or error last, errors included;
/// those of different runs come as they are told. It ends when the root run has ended: when its terminal
/// event was given, and those of the runs that ended before it. Dropped, it is detached: the calls go on
/// unobserved.
///
/// Made by [`EventStream::builder`].
#[must_use = "streams do nothing unless polled"]
pub struct EventStream {
    receiver: Receiver<StreamEvent>,
    /// Weak: where nobody else has the callbacks any more, there is nothing to wait for.
    progress: Weak<Progress>,
}

impl EventStream {
    /// A builder: says of which runs, and which events, and is attached to a call or drives one.
    pub fn builder() -> EventStreamBuilder {
        EventStreamBuilder::new()
    }

    pub(super) fn new(receiver: Receiver<StreamEvent>, progress: &Arc<Progress>) -> Self {
        Self { receiver, progress: Arc::downgrade(progress) }
    }

    /// It ends when everything is given that was told by now.
    pub(super) fn end(&self) {
        if let Some(progress) = self.progress.upgrade() {
            progress.close();
        }
    }
}

impl Stream for EventStream {
    type Item = StreamEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<StreamEvent>> {
        self.receiver.poll_recv(cx)
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        if let Some(progress) = self.progress.upgrade() {
            progress.detach();
        }
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("ended", &self.receiver.is_closed()).finish()
    }
}
