//! Response bodies with unusual behaviour.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::stream;
use http_body::{Body, Frame};
use http_body_util::StreamBody;

/// An endless body that records when it is dropped.
pub(crate) struct Endless {
    first: Option<String>,
    dropped: Arc<AtomicBool>,
}

/// Whether a body was dropped.
pub(crate) struct Dropped(Arc<AtomicBool>);

impl Dropped {
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Endless {
    pub(crate) fn new(first: String) -> (Self, Dropped) {
        let dropped = Arc::new(AtomicBool::new(false));
        (Self { first: Some(first), dropped: Arc::clone(&dropped) }, Dropped(dropped))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::Relaxed);
    }
}

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(Frame::data(first.into())))),
            None => Poll::Pending,
        }
    }
}

/// A body that fails after its first frame.
pub(crate) fn broken(first: String) -> impl Body<Data = Bytes, Error = io::Error> + Send {
    let frames = [Ok(Frame::data(Bytes::from(first))), Err(io::Error::other("reset"))];
    StreamBody::new(stream::iter(frames))
}

/// A body of one frame per byte, and trailers.
pub(crate) fn cut(body: String) -> impl Body<Data = Bytes, Error = Infallible> + Send {
    let frames = body.into_bytes().into_iter();
    let frames = frames.map(|byte| Frame::data(Bytes::copy_from_slice(&[byte])));
    let frames: Vec<_> = frames.chain([Frame::trailers(http::HeaderMap::new())]).collect();
    StreamBody::new(stream::iter(frames.into_iter().map(Ok)))
}
