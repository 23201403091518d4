use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// A frame that comes so soon after the one before is part of a burst. Tokens of a model are milliseconds apart.
const BURST: Duration = Duration::from_micros(200);

/// The most frames and bytes that are gathered. hyper passes no more buffers to one system call.
const FRAMES: usize = 16;
const BYTES: usize = 64 << 10;

/// A body whose frames are written together if they come faster than they are written.
///
/// hyper's client hands over one frame at a time: its task reads the next one when the frame is taken. A body that returns
/// each frame at once makes the server write each with a system call of its own, which costs ten times what passing it on
/// does. This one keeps a frame of a burst for one turn of the scheduler, in which the client's task can read the next.
/// What was kept is returned frame by frame, without a copy, and hyper writes it at once. A frame that comes alone is
/// returned at once.
pub(crate) struct Gathered<B: Body> {
    body: B,
    kept: VecDeque<Bytes>,
    bytes: usize,
    /// What follows the frames that are kept: trailers, an error, or the end.
    end: Option<Option<Result<Frame<Bytes>, B::Error>>>,
    /// The frames that are kept are returned.
    released: bool,
    /// Waits for the client's task.
    waits: bool,
    last: Option<Instant>,
}

impl<B: Body> Gathered<B> {
    pub(crate) fn new(body: B) -> Self {
        Self {
            body,
            kept: VecDeque::new(),
            bytes: 0,
            end: None,
            released: false,
            waits: false,
            last: None,
        }
    }

    fn is_in_burst(&mut self) -> bool {
        let now = Instant::now();
        self.last.replace(now).is_some_and(|last| now.duration_since(last) < BURST)
    }
}

impl<B> Body for Gathered<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        loop {
            if this.released {
                if let Some(data) = this.kept.pop_front() {
                    this.bytes -= data.len();
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                this.released = false;
            }
            if let Some(end) = this.end.take() {
                return Poll::Ready(end);
            }
            match Pin::new(&mut this.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) if frame.is_data() => {
                    let Ok(data) = frame.into_data() else { continue };
                    if !this.is_in_burst() && this.kept.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                    this.bytes += data.len();
                    this.kept.push_back(data);
                    this.waits = false;
                    this.released = this.kept.len() >= FRAMES || this.bytes >= BYTES;
                }
                Poll::Ready(end) => {
                    this.end = Some(end);
                    this.released = true;
                }
                Poll::Pending if this.kept.is_empty() => return Poll::Pending,
                Poll::Pending if this.waits => {
                    this.waits = false;
                    this.released = true;
                }
                Poll::Pending => {
                    this.waits = true;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.kept.is_empty() && self.end.as_ref().map_or(self.body.is_end_stream(), Option::is_none)
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(left.lower() + self.bytes as u64);
        if let Some(upper) = left.upper() {
            hint.set_upper(upper + self.bytes as u64);
        }
        hint
    }
}
