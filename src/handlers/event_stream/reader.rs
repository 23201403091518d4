use std::{
    sync::Arc,
    task::{Context, Poll},
};

use super::{RunEvent, queue::Queue};

/// The reading half of a stream. Detaches the queue when it is dropped.
#[derive(Debug)]
pub(super) struct Reader(Arc<Queue>);

impl Reader {
    pub(super) fn new(queue: Arc<Queue>) -> Self {
        Self(queue)
    }

    pub(super) fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<RunEvent>> {
        self.0.poll_read(cx)
    }

    /// Ends the stream once the events in the queue have been read.
    pub(super) fn end(&self) {
        self.0.end();
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.detach();
    }
}
