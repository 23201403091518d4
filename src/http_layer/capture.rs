use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};

use super::budget::{Budget, Kept};

/// The most frames that are captured, however small: each takes memory of its own.
const MAX_FRAMES: usize = 64 * 1024;

/// A request's body whose beginning, or all, is in memory.
pub(super) struct Capture<B: Body> {
    pub(super) frames: VecDeque<Frame<Bytes>>,
    /// Follows the frames.
    pub(super) error: Option<B::Error>,
    /// Follows the frames. `None` if the body has ended.
    pub(super) rest: Option<Pin<Box<B>>>,
    /// The original size hint.
    pub(super) hint: SizeHint,
    /// Whether the body was at its end after the last frame, without another poll.
    pub(super) ended_with_frame: bool,
    bytes: usize,
    limit: usize,
    /// `None` where the budget of the layer does not count.
    kept: Option<Kept>,
    shared: Option<Arc<Kept>>,
}

impl<B: Body> Capture<B> {
    pub(super) fn new(body: B, limit: usize, budget: Option<&Arc<Budget>>) -> Self {
        Self {
            hint: body.size_hint(),
            ended_with_frame: body.is_end_stream(),
            rest: Some(Box::pin(body)),
            frames: VecDeque::new(),
            error: None,
            bytes: 0,
            limit,
            kept: budget.map(Kept::nothing),
            shared: None,
        }
    }

    /// Reads up to the end or the limit.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(body) = &mut self.rest {
            self.ended_with_frame = body.is_end_stream();
            let full = self.bytes > self.limit
                || self.frames.len() == MAX_FRAMES
                || self.kept.as_ref().is_some_and(Kept::is_exhausted);
            if self.ended_with_frame || full {
                break;
            }
            match ready!(body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => {
                    let frame = into_bytes(frame);
                    let bytes = frame.data_ref().map_or(0, Bytes::len);
                    self.bytes += bytes;
                    self.kept.iter_mut().for_each(|kept| kept.add(bytes));
                    self.frames.push_back(frame);
                }
                Some(Err(error)) => {
                    self.error = Some(error);
                    self.rest = None;
                }
                None => self.rest = None,
            }
        }
        Poll::Ready(())
    }

    /// Shares what is kept with the start event, which holds the body too.
    pub(super) fn share_kept(&mut self) -> Option<Arc<Kept>> {
        let kept = Arc::new(self.kept.take()?);
        self.shared = Some(Arc::clone(&kept));
        Some(kept)
    }

    /// Whether the body has arrived in full.
    pub(super) fn is_complete(&self) -> bool {
        self.error.is_none() && (self.rest.is_none() || self.ended_with_frame)
    }

    /// Returns the captured part of the body, in pieces as they arrived.
    pub(super) fn pieces(&self) -> Vec<Bytes> {
        self.frames.iter().filter_map(Frame::data_ref).cloned().collect()
    }

    /// Returns the captured part of the body.
    pub(super) fn bytes(&self) -> Bytes {
        let mut data = self.frames.iter().filter_map(Frame::data_ref);
        match (data.next(), data.next()) {
            (None, _) => Bytes::new(),
            (Some(only), None) => only.clone(),
            (Some(_), Some(_)) => {
                let mut all = BytesMut::with_capacity(self.bytes);
                self.frames
                    .iter()
                    .filter_map(Frame::data_ref)
                    .for_each(|data| all.extend_from_slice(data));
                all.freeze()
            }
        }
    }
}

/// Converts the data of a frame. `Bytes` are not copied.
pub(crate) fn into_bytes<D: Buf>(frame: Frame<D>) -> Frame<Bytes> {
    frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))
}
