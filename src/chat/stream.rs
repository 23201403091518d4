use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::{FusedStream, Stream};

use super::{ChatChunk, ModelError, collect};
use crate::event::LlmResult;

/// The streamed answer of a typed model.
///
/// The stream reads the response only when it is polled, and releases the connection when it is dropped. It ends
/// after [`Delta::Done`](crate::Delta::Done) or an error. A non-streamed answer begins with
/// [`Delta::NotStreamed`](crate::Delta::NotStreamed) and has its text in one chunk.
pub struct ChatStream {
    /// `None` after the end.
    inner: Option<Inner>,
}

type Inner = Pin<Box<dyn Stream<Item = Result<ChatChunk, ModelError>> + Send>>;

impl ChatStream {
    /// Creates a stream from the chunks of another model. It is fused: it ends when `stream` first ends.
    ///
    /// ```
    /// use tower_llm_callbacks::{Delta, chat::ChatStream};
    ///
    /// let chunks = [Delta::text("Hello"), Delta::Done];
    /// let stream = ChatStream::new(futures::stream::iter(chunks.map(Ok)));
    /// # tokio_test::block_on(async {
    /// assert_eq!(stream.collect_result().await.unwrap().text(), "Hello");
    /// # });
    /// ```
    pub fn new<S>(stream: S) -> Self
    where
        S: Stream<Item = Result<ChatChunk, ModelError>> + Send + 'static,
    {
        Self { inner: Some(Box::pin(stream)) }
    }

    /// Reads the answer to its end and adds it up, like [`collect`].
    ///
    /// # Errors
    ///
    /// As [`collect`]. An answer that reports an error, or is truncated, is an error here.
    pub async fn collect_result(self) -> Result<LlmResult, ModelError> {
        collect(self).await.map_err(ModelError::from)
    }
}

impl Stream for ChatStream {
    type Item = Result<ChatChunk, ModelError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        let item = ready!(inner.as_mut().poll_next(cx));
        if item.is_none() {
            self.inner = None;
        }
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.as_ref().map_or((0, Some(0)), |inner| inner.size_hint())
    }
}

impl FusedStream for ChatStream {
    fn is_terminated(&self) -> bool {
        self.inner.is_none()
    }
}

impl fmt::Debug for ChatStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatStream").field("ended", &self.inner.is_none()).finish_non_exhaustive()
    }
}
