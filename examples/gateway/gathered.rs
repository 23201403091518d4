use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// A frame that comes so soon after the one before is part of a burst, and none is kept for longer. The tokens of a model
/// are further apart. On a machine that is busy, a turn of the scheduler may take a millisecond, so it is not less.
const BURST: Duration = Duration::from_millis(5);

/// The most frames and bytes that are gathered. hyper passes no more buffers to one system call.
const FRAMES: usize = 16;
const BYTES: usize = 64 << 10;

/// hyper polls a body twice in a turn, before and after it writes. The client's task has its turn after that.
const POLLS: u8 = 2;

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
    /// How often this was polled since the last frame, while it waits for the client's task.
    polls: u8,
    last: Option<Instant>,
    /// When the first frame that is kept came.
    since: Option<Instant>,
}

impl<B: Body> Gathered<B> {
    pub(crate) fn new(body: B) -> Self {
        Self {
            body,
            kept: VecDeque::new(),
            bytes: 0,
            end: None,
            released: false,
            polls: 0,
            last: None,
            since: None,
        }
    }

    /// Adds a frame. Returns it if it is not to be kept.
    fn keep(&mut self, data: Bytes) -> Option<Bytes> {
        let now = Instant::now();
        let is_recent =
            |time: Option<Instant>| time.is_some_and(|it| now.duration_since(it) < BURST);
        let is_in_burst = is_recent(self.last.replace(now));
        if self.kept.is_empty() {
            if !is_in_burst {
                return Some(data);
            }
            self.since = Some(now);
        }
        self.bytes += data.len();
        self.kept.push_back(data);
        self.polls = 0;
        let is_full = self.kept.len() >= FRAMES || self.bytes >= BYTES;
        self.released = is_full || !is_recent(self.since);
        None
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
                    if let Some(data) = this.keep(data) {
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                }
                Poll::Ready(end) => {
                    this.end = Some(end);
                    this.released = true;
                }
                Poll::Pending if this.kept.is_empty() => return Poll::Pending,
                Poll::Pending if this.polls == POLLS => {
                    this.polls = 0;
                    this.released = true;
                }
                Poll::Pending => {
                    this.polls += 1;
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
