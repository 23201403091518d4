use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    Error as BodyError,
    body::{Body, Bytes},
};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};

/// How much of a body is read for its model.
pub(crate) const LONGEST: usize = 16 << 20;

/// How much of each body is read in any case, about what its connection buffers. Most models are named there.
const ALWAYS: usize = 64 << 10;

/// What a frame takes beside its bytes.
const FRAME: usize = size_of::<Result<Frame<Bytes>, BodyError>>();

/// The bodies that are read before it is known where they go, with one limit for all.
#[derive(Debug)]
pub(crate) struct Uploads {
    most: usize,
    kept: AtomicUsize,
    waiting: AtomicUsize,
}

/// Why no more of a body was read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Stopped {
    /// That is all of it, or as much as is read of any.
    Read,
    /// All bodies together have reached the limit.
    Exhausted,
}

impl Uploads {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, kept: AtomicUsize::new(0), waiting: AtomicUsize::new(0) }
    }

    /// Returns the bytes that are kept.
    pub(crate) fn kept(&self) -> usize {
        self.kept.load(Ordering::Relaxed)
    }

    /// Returns how many requests wait for their bodies.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Reads a body as far as the limits allow. What was read, or how it failed, is the beginning of the result.
    pub(crate) async fn read(self: &Arc<Self>, body: Body) -> (Replayed, Stopped) {
        let _waiting = Waiting::new(self);
        let mut read = Replayed {
            frames: VecDeque::new(),
            bytes: 0,
            rest: Some(body),
            kept: Kept { uploads: Arc::clone(self), bytes: 0 },
        };
        while read.bytes <= LONGEST {
            if read.kept.bytes > ALWAYS && read.kept.is_too_much() {
                return (read, Stopped::Exhausted);
            }
            let Some(body) = &mut read.rest else { break };
            match body.frame().await {
                Some(frame) => read.add(frame),
                None => read.rest = None,
            }
        }
        (read, Stopped::Read)
    }
}

struct Waiting<'a>(&'a Uploads);

impl<'a> Waiting<'a> {
    fn new(uploads: &'a Uploads) -> Self {
        uploads.waiting.fetch_add(1, Ordering::Relaxed);
        Self(uploads)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a body keeps of the limit.
struct Kept {
    uploads: Arc<Uploads>,
    bytes: usize,
}

impl Kept {
    fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.uploads.kept.fetch_add(bytes, Ordering::Relaxed);
    }

    fn release(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.uploads.kept.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn is_too_much(&self) -> bool {
        self.uploads.kept() > self.uploads.most
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.release(self.bytes);
    }
}

/// A body whose beginning was read. It passes unchanged.
pub(crate) struct Replayed {
    frames: VecDeque<Result<Frame<Bytes>, BodyError>>,
    /// Those of the frames.
    bytes: usize,
    /// `None` after the end, or an error.
    rest: Option<Body>,
    kept: Kept,
}

fn size(frame: &Result<Frame<Bytes>, BodyError>) -> usize {
    frame.as_ref().ok().and_then(Frame::data_ref).map_or(0, Bytes::len)
}

impl Replayed {
    /// Returns what was read.
    pub(crate) fn pieces(&self) -> Vec<Bytes> {
        let data = self.frames.iter().filter_map(|frame| frame.as_ref().ok()?.data_ref());
        data.cloned().collect()
    }

    fn add(&mut self, frame: Result<Frame<Bytes>, BodyError>) {
        if frame.is_err() {
            self.rest = None;
        }
        self.bytes += size(&frame);
        self.kept.add(FRAME + size(&frame));
        self.frames.push_back(frame);
    }
}

impl hyper::body::Body for Replayed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(frame) = self.frames.pop_front() {
            self.bytes -= size(&frame);
            self.kept.release(FRAME + size(&frame));
            return Poll::Ready(Some(frame));
        }
        match &mut self.rest {
            Some(rest) => Pin::new(rest).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let rest = match &self.rest {
            Some(rest) => rest.size_hint(),
            None if self.frames.iter().all(Result::is_ok) => SizeHint::with_exact(0),
            None => SizeHint::default(),
        };
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + self.bytes as u64);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + self.bytes as u64);
        }
        hint
    }
}
