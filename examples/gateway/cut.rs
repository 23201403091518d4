use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use axum::{
    Error as BodyError,
    body::{Body, Bytes},
    extract::Request,
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use hyper::body::{Frame, SizeHint};
use tokio::sync::watch;

/// Ends the calls that go on without their clients: nothing else drops them before the process ends, and a run that is not
/// dropped has no end.
pub(crate) struct Cut(watch::Sender<()>);

/// Has calls end at the [`Cut`].
#[derive(Clone)]
pub(crate) struct Cuttable(watch::Receiver<()>);

impl Cut {
    pub(crate) fn new() -> (Self, Cuttable) {
        let (sender, receiver) = watch::channel(());
        (Self(sender), Cuttable(receiver))
    }

    pub(crate) fn cut(self) {
        self.0.send_replace(());
    }
}

impl Cuttable {
    /// Serves a request until its end or the cut, which drops it.
    pub(crate) async fn serve(mut self, request: Request, next: Next) -> Response {
        let again = self.clone();
        tokio::select! {
            biased;
            response = next.run(request) => response.map(|body| Body::new(CutBody::new(body, again))),
            // Nobody reads this.
            _ = self.0.changed() => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }

    /// Returns whether the cut was made. Takes no lock.
    fn is_cut(&self) -> bool {
        self.0.has_changed().unwrap_or(true)
    }
}

/// An unchanged body that is dropped at the cut.
struct CutBody {
    /// `None` after the cut.
    body: Option<Body>,
    cut: Cuttable,
    wait: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// The waker that the cut wakes. To register it takes a lock, which all calls share: once is enough for most.
    waker: Option<Waker>,
}

impl CutBody {
    fn new(body: Body, cut: Cuttable) -> Self {
        let mut receiver = cut.0.clone();
        let wait = Box::pin(async move { drop(receiver.changed().await) });
        Self { body: Some(body), cut, wait, waker: None }
    }

    /// Returns whether the cut was made, and has it wake the task otherwise.
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> bool {
        let is_registered = self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if is_registered {
            // If it is made after this, it finds the waker.
            return self.cut.is_cut();
        }
        self.waker = Some(cx.waker().clone());
        self.wait.as_mut().poll(cx).is_ready()
    }
}

impl hyper::body::Body for CutBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let is_cut = self.cut.is_cut();
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let poll = if is_cut { Poll::Pending } else { Pin::new(body).poll_frame(cx) };
        if poll.is_pending() && (is_cut || self.poll_cut(cx)) {
            self.body = None;
            let error = io::Error::other("the gateway stops");
            return Poll::Ready(Some(Err(BodyError::new(error))));
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(hyper::body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(hyper::body::Body::size_hint).unwrap_or_default()
    }
}
