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
/// It reads only when it is polled, and lets go of the connection when it is dropped. After
/// [`Delta::Done`](crate::Delta::Done), or an error, it ends. An answer that came whole starts with
/// [`Delta::NotStreamed`](crate::Delta::NotStreamed) and has its text in one chunk.
pub struct ChatStream {
    /// None once it has ended.
    inner: Option<Inner>,
}

type Inner = Pin<Box<dyn Stream<Item = Result<ChatChunk, ModelError>> + Send>>;

impl ChatStream {
    /// A stream of chunks, of a model of your own. It ends where `stream` first does.
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

    /// Reads the answer to its end and adds it up, as [`collect`] does.
    ///
    /// # Errors
    ///
    /// The stream's first error; what came before it is lost.
    pub async fn collect_result(self) -> Result<LlmResult, ModelError> {
        collect(self).await
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
