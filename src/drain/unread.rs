use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use futures_core::Stream;
use http::Response;
use http_body::Body;

use super::length::Length;
use crate::panics::catch;

/// What is left of a call whose consumer has gone.
pub(super) trait Unread: Send {
    /// Reads on, and drops what comes. Returns its size; `None` at the end.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<u64>>;
}

/// The rest of a body, and how long that is.
struct UnreadBody<B>(Pin<Box<B>>, Length);

/// What is to be drained. `None` if nothing is left.
pub(super) type Rest = Option<Box<dyn Unread>>;

/// Returns the rest of a body. `None` if it is known to be at its end.
pub(super) fn rest_of_body<B>(body: Pin<Box<B>>, length: Length) -> Rest
where
    B: Body + Send + 'static,
{
    // Called in a drop.
    let ended = length.is_read() || catch(|| body.is_end_stream()).unwrap_or(false);
    if ended { None } else { Some(Box::new(UnreadBody(body, length))) }
}

impl<B: Body + Send> Unread for UnreadBody<B> {
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<u64>> {
        let Self(body, length) = self;
        // As a server does, which does not poll for the end that it knows.
        if length.is_read() || body.is_end_stream() {
            return Poll::Ready(None);
        }
        let Some(Ok(frame)) = ready!(body.as_mut().poll_frame(cx)) else {
            return Poll::Ready(None);
        };
        Poll::Ready(frame.data_ref().map(|data| {
            length.read(data);
            data.remaining() as u64
        }))
    }
}

/// The rest of a stream.
struct UnreadStream<St>(Pin<Box<St>>);

pub(super) fn rest_of_stream<St, T, E>(stream: Pin<Box<St>>) -> Rest
where
    St: Stream<Item = Result<T, E>> + Send + 'static,
{
    Some(Box::new(UnreadStream(stream)))
}

impl<St, T, E> Unread for UnreadStream<St>
where
    St: Stream<Item = Result<T, E>> + Send,
{
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<u64>> {
        let item = ready!(self.0.as_mut().poll_next(cx));
        Poll::Ready(item.and_then(Result::ok).map(|_| 1))
    }
}

/// Returns the rest of a call without its response yet. The function returns what is then to be read.
pub(super) fn rest_of_call<F>(future: Pin<Box<F>>, response: fn(F::Output) -> Rest) -> Rest
where
    F: Future + Send + 'static,
{
    Some(Box::new(UnreadCall::Calling(future, response)))
}

enum UnreadCall<F: Future> {
    Calling(Pin<Box<F>>, fn(F::Output) -> Rest),
    Response(Box<dyn Unread>),
}

impl<F: Future + Send> Unread for UnreadCall<F> {
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<u64>> {
        let response = match self {
            UnreadCall::Calling(future, response) => response(ready!(future.as_mut().poll(cx))),
            UnreadCall::Response(response) => return response.poll_read(cx),
        };
        Poll::Ready(response.map(|response| {
            *self = UnreadCall::Response(response);
            0
        }))
    }
}

pub(super) fn rest_of_response<B, E>(output: Result<Response<B>, E>) -> Rest
where
    B: Body + Send + 'static,
{
    let response = output.ok()?;
    let length = Length::of(&response);
    rest_of_body(Box::pin(response.into_body()), length)
}

pub(super) fn rest_of_answer<St, T, E, E2>(output: Result<St, E2>) -> Rest
where
    St: Stream<Item = Result<T, E>> + Send + 'static,
{
    rest_of_stream(Box::pin(output.ok()?))
}
