use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::BoxError;

use super::{capture::into_bytes, reader::Reader};
use crate::callbacks::Emitter;

pin_project! {
    /// The body of a response of an [`HttpCallbackService`](super::HttpCallbackService): the inner body's
    /// frames as they are, told on the way.
    ///
    /// Dropped before its end, it drops the inner body and ends the run as cancelled; dropped after the
    /// frame that ends the answer, the run has completed.
    pub struct ResponseBody<B> {
        // Before the told call: the inner body is dropped first.
        #[pin]
        inner: Option<B>,
        told: Option<Box<Told>>,
        // Instead of an inner body.
        own: Option<Bytes>,
    }
}

/// A body of which somebody is told.
pub(super) struct Told {
    pub(super) emitter: Emitter,
    pub(super) reader: Reader,
    /// The start phase is not over yet.
    pub(super) starting: bool,
    /// Bytes that are still to come, if the response says how many.
    pub(super) left: Option<u64>,
    held: Held,
}

type Item = Option<Result<Frame<Bytes>, BoxError>>;

/// What waits for handlers before the client gets it.
enum Held {
    Nothing,
    /// A frame waits for lockstep handlers.
    Frame(Frame<Bytes>),
    /// The last thing that the run covers waits for the terminal event: a last frame, an error, or the end.
    Last(Item),
    /// That was given.
    Given,
}

impl<B> ResponseBody<B> {
    /// A body of which nobody is told.
    pub(super) fn pass(inner: B) -> Self {
        Self { inner: Some(inner), told: None, own: None }
    }

    pub(super) fn told(inner: B, told: Box<Told>) -> Self {
        Self { inner: Some(inner), told: Some(told), own: None }
    }

    /// A body in the place of the inner one.
    pub(super) fn own(bytes: Vec<u8>) -> Self {
        Self { inner: None, told: None, own: Some(bytes.into()) }
    }
}

impl Told {
    pub(super) fn new(
        emitter: Emitter,
        reader: Reader,
        starting: bool,
        left: Option<u64>,
    ) -> Box<Self> {
        Box::new(Self { emitter, reader, starting, left, held: Held::Nothing })
    }

    fn poll_frame<B>(&mut self, mut inner: Pin<&mut Option<B>>, cx: &mut Context<'_>) -> Poll<Item>
    where
        B: Body,
        B::Error: Into<BoxError>,
    {
        loop {
            // Mostly there is nothing, and a frame is large to move.
            let held = match self.held {
                Held::Nothing => Held::Nothing,
                _ => mem::replace(&mut self.held, Held::Nothing),
            };
            match held {
                Held::Nothing => {}
                Held::Given => return Poll::Ready(None),
                Held::Frame(frame) => {
                    if self.emitter.poll_lockstep(cx).is_pending() {
                        self.held = Held::Frame(frame);
                        return Poll::Pending;
                    }
                    // A guard that aborts on what a frame holds keeps it from the client.
                    if !self.emitter.is_aborted() {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
                Held::Last(item) => {
                    if self.emitter.is_aborted() {
                        // Whatever handlers are still to be waited for.
                        inner.set(None);
                    }
                    if self.emitter.poll_end(cx).is_pending() {
                        self.held = Held::Last(item);
                        return Poll::Pending;
                    }
                    self.held = Held::Given;
                    return Poll::Ready(match self.emitter.take_aborted() {
                        Some(aborted) => {
                            inner.set(None);
                            Some(Err(aborted.into()))
                        }
                        None => item,
                    });
                }
            }

            if self.emitter.is_aborted() {
                self.held = Held::Last(None);
                continue;
            }
            if self.starting {
                ready!(self.emitter.poll_started(cx));
                self.starting = false;
                continue;
            }
            let over = self.emitter.is_over();
            if over {
                // What follows the end of the answer passes unobserved, while the terminal is told.
                let _told = self.emitter.poll_end(cx);
            } else {
                ready!(self.emitter.poll_room(cx));
            }
            if self.emitter.is_aborted() {
                continue;
            }

            let Some(body) = inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
            let item = match self.emitter.enter(|| body.poll_frame(cx)) {
                Poll::Ready(item) => item,
                Poll::Pending if over || !self.emitter.watch_for_abort(cx) => return Poll::Pending,
                Poll::Pending => continue,
            };
            match item {
                Some(Ok(frame)) => {
                    let frame = into_bytes(frame);
                    if let Some(data) = frame.data_ref() {
                        self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                        if !over {
                            self.reader.data(data, &mut self.emitter);
                        }
                    }
                    // Servers ask for nothing after trailers.
                    let ended = frame.is_trailers()
                        || inner.as_ref().as_pin_ref().is_none_or(|b| b.is_end_stream());
                    if ended || self.left == Some(0) {
                        self.reader.finish(&mut self.emitter);
                        self.held = Held::Last(Some(Ok(frame)));
                    } else if self.emitter.is_aborted() {
                        // Nothing more of it.
                    } else if !over && self.emitter.must_hold_item() {
                        self.held = Held::Frame(frame);
                    } else {
                        if self.emitter.is_over() {
                            self.emitter.tell_end_if_drained();
                        }
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
                Some(Err(error)) => {
                    let error = error.into();
                    self.reader.broken_off(&mut self.emitter);
                    self.emitter.error(&*error);
                    self.held = Held::Last(Some(Err(error)));
                }
                None => {
                    self.reader.finish(&mut self.emitter);
                    self.held = Held::Last(None);
                }
            }
        }
    }

    fn held_bytes(&self) -> u64 {
        match &self.held {
            Held::Frame(frame) | Held::Last(Some(Ok(frame))) => {
                frame.data_ref().map_or(0, |data| data.len() as u64)
            }
            _ => 0,
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        // Of an aborted call the terminal may be told: what the reader still knows comes too late.
        if !self.emitter.is_aborted() {
            self.reader.broken_off(&mut self.emitter);
        }
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
        let mut this = self.project();
        if let Some(told) = this.told {
            let item = ready!(told.poll_frame(this.inner.as_mut(), cx));
            if matches!(told.held, Held::Given) {
                *this.told = None;
            }
            return Poll::Ready(item);
        }
        match this.inner.as_pin_mut() {
            Some(body) => body
                .poll_frame(cx)
                .map(|item| item.map(|item| item.map(into_bytes).map_err(Into::into))),
            None => Poll::Ready(this.own.take().map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match (&self.told, &self.inner) {
            // The end is still to be told, though with HTTP/2 it may be known since the last poll.
            (Some(_), _) => false,
            (None, Some(inner)) => inner.is_end_stream(),
            (None, None) => self.own.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let Some(inner) = &self.inner else {
            let own = self.own.as_ref().map_or(0, |own| own.len() as u64);
            return SizeHint::with_exact(own);
        };
        let held = self.told.as_ref().map_or(0, |told| told.held_bytes());
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
        f.debug_struct("ResponseBody").field("told", &self.told.is_some()).finish_non_exhaustive()
    }
}
