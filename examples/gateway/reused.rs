use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::runtime::Handle;
use tower_llm_callbacks::Run;

/// How long, and how many frames, the rest of an answer may take whose end mark was read.
const REST: Duration = Duration::from_secs(1);
const FRAMES: usize = 16;

/// The unchanged body of a response, whose connection is used again if the client has gone after the end mark.
///
/// Many clients close their connection, or stop reading, when they have read `[DONE]`. The few bytes that follow it, the
/// last chunk of the body, may not have arrived then. A body that is dropped before closes the connection to the provider,
/// and the next call pays for another one, with its TLS handshake. So the rest is read here. An answer that is dropped before
/// its end mark is dropped at once: the provider must not go on.
pub(crate) struct Reused<T: Send + 'static> {
    /// `None` when it is dropped.
    body: Option<Incoming>,
    /// `None` if the call is not observed: then it is not known whether the answer is complete.
    run: Option<Run>,
    /// Kept as long as the body is read.
    held: Option<T>,
}

impl<T: Send + 'static> Reused<T> {
    /// Called within the run.
    pub(crate) fn new(body: Incoming, held: T) -> Self {
        Self { body: Some(body), run: Run::current(), held: Some(held) }
    }
}

impl<T: Send + 'static> Drop for Reused<T> {
    fn drop(&mut self) {
        let Some(mut body) = self.body.take().filter(|body| !body.is_end_stream()) else { return };
        let is_complete = self.run.as_ref().is_some_and(Run::has_ended);
        let (true, Ok(runtime)) = (is_complete, Handle::try_current()) else { return };
        let held = self.held.take();
        let rest = async move {
            for _ in 0..FRAMES {
                let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
                if !matches!(frame, Some(Ok(_))) {
                    break;
                }
            }
            drop(held);
        };
        runtime.spawn(tokio::time::timeout(REST, rest));
    }
}

impl<T: Send + Unpin + 'static> Body for Reused<T> {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}
