use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::BoxError;

use super::{body_reader::BodyReader, capture::into_bytes};
use crate::lifecycle::{Gated, Llm, LlmEmitter, Position, Reader, Source};

pin_project! {
    /// The body of a response of an [`HttpCallbackService`](super::HttpCallbackService): the inner body's frames,
    /// unchanged.
    ///
    /// Dropped before its end, it drops the inner body and ends the run as cancelled. Dropped after the end
    /// mark, or when every choice has its finish reason, the run has completed.
    pub struct ResponseBody<B> {
        #[pin]
        gated: Gated<B, Frames, Frame<Bytes>, Llm>,
        // Instead of an inner body.
        own: Option<Bytes>,
    }
}

/// Reads frames. Boxed, because most bodies of a gateway may be unobserved.
struct Frames(Box<FrameReader>);

struct FrameReader {
    reader: BodyReader,
    /// The bytes that are still to come: [`UNKNOWN`] if the response does not declare how many.
    left: u64,
}

/// Not an `Option`, because the reader is part of every run in flight.
const UNKNOWN: u64 = u64::MAX;

impl Reader<Llm> for Frames {
    fn dropped(&mut self, emitter: &mut LlmEmitter) {
        self.0.reader.broken_off(emitter);
    }
}

impl<B> Source<B, Frame<Bytes>, Frame<Bytes>, Llm> for Frames
where
    B: Body,
    B::Error: Into<BoxError>,
{
    #[inline]
    fn poll(
        body: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        body.poll_frame(cx).map(|item| item.map(|item| item.map(into_bytes).map_err(Into::into)))
    }

    fn item(&mut self, frame: &Frame<Bytes>, body: Pin<&B>, emitter: &mut LlmEmitter) -> Position {
        let FrameReader { reader, left } = &mut *self.0;
        if let Some(data) = frame.data_ref() {
            if *left != UNKNOWN {
                *left = left.saturating_sub(data.len() as u64);
            }
            if !emitter.is_over() {
                reader.data(data, emitter);
            }
        }
        // A server does not poll again after trailers, after the declared length, or when the body is at its end.
        if frame.is_trailers() || body.is_end_stream() || *left == 0 {
            reader.finish(emitter);
            return Position::Last;
        }
        Position::Inner
    }

    #[inline]
    fn hold(frame: Frame<Bytes>) -> Result<Frame<Bytes>, Frame<Bytes>> {
        Ok(frame)
    }

    #[inline]
    fn release(frame: Frame<Bytes>) -> Frame<Bytes> {
        frame
    }

    fn end(&mut self, emitter: &mut LlmEmitter) {
        self.0.reader.finish(emitter);
    }

    fn error(&mut self, error: &BoxError, emitter: &mut LlmEmitter) {
        self.0.reader.broken_off(emitter);
        emitter.error(&**error);
    }
}

impl<B> ResponseBody<B> {
    /// A body that no handler is notified of.
    pub(super) fn unobserved(inner: B) -> Self {
        Self { gated: Gated::unobserved(Some(inner)), own: None }
    }

    pub(super) fn new(
        inner: B,
        reader: BodyReader,
        left: Option<u64>,
        emitter: Box<LlmEmitter>,
    ) -> Self {
        let left = left.unwrap_or(UNKNOWN);
        let frames = Frames(Box::new(FrameReader { reader, left }));
        Self { gated: Gated::new(inner, frames, emitter), own: None }
    }

    /// A body in the place of the inner one.
    pub(super) fn own(bytes: Vec<u8>) -> Self {
        Self { gated: Gated::unobserved(None), own: Some(bytes.into()) }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        if let Some(bytes) = this.own.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        this.gated.poll_item(cx)
    }

    fn is_end_stream(&self) -> bool {
        // The end is still to be emitted, though with HTTP/2 it may be known since the last poll.
        !self.gated.is_observed()
            && self.own.is_none()
            && self.gated.inner().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let Some(inner) = self.gated.inner() else {
            let own = self.own.as_ref().map_or(0, |own| own.len() as u64);
            return SizeHint::with_exact(own);
        };
        let held = self.gated.held_item().and_then(Frame::data_ref);
        let held = held.map_or(0, |data| data.len() as u64);
        let inner = inner.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(held));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(held));
        }
        hint
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody")
            .field("observed", &self.gated.is_observed())
            .finish_non_exhaustive()
    }
}
