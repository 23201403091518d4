use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use ::reqwest::{Body, Client, Error, ResponseBuilderExt};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::{BoxError, Service};

/// A `reqwest::Client` as the HTTP service that the models and [`HttpCallbackLayer`](crate::HttpCallbackLayer) need.
///
/// `reqwest::Client` is a service of reqwest's own types. This one takes an [`http::Request`] with any body, and returns an
/// [`http::Response`], which `reqwest::Response::from` turns back.
///
/// ```no_run
/// use tower::Layer;
/// use tower_llm_callbacks::{Callbacks, HttpCallbackLayer, chat::ChatRequest, model::{ReqwestService, openai::{OpenAiConfig, OpenAiLayer}}};
///
/// let http = ReqwestService::new(reqwest::Client::new());
/// let http = HttpCallbackLayer::new(Callbacks::new()).layer(http);
/// let model = OpenAiLayer::new(OpenAiConfig::new("sk-1")).layer(http).checked::<ChatRequest>();
/// ```
#[derive(Debug, Clone, Default)]
pub struct ReqwestService {
    client: Client,
}

impl ReqwestService {
    /// Creates a service of a client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl From<Client> for ReqwestService {
    fn from(client: Client) -> Self {
        Self::new(client)
    }
}

impl<B> Service<Request<B>> for ReqwestService
where
    B: http_body::Body<Data = Bytes> + Unpin + Send + Sync + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Error;
    type Future = ReqwestFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ReqwestFuture {
        let client = self.client.clone();
        let request = request.map(body);
        ReqwestFuture(Box::pin(
            async move { Ok(response(client.execute(request.try_into()?).await?)) },
        ))
    }
}

/// Returns a response of `http`'s type. That has no URL: an extension keeps it for `error_for_status`.
pub(super) fn response(response: ::reqwest::Response) -> Response<Body> {
    let url = Response::builder().url(response.url().clone()).body(());
    let mut response = Response::<Body>::from(response);
    let url = url.map(Response::into_parts);
    response.extensions_mut().extend(url.map(|(parts, ())| parts.extensions).unwrap_or_default());
    response
}

/// Returns a body as reqwest's. One in memory stays in memory, so that redirects and reqwest's own retries can send it again.
pub(super) fn body<B>(mut body: B) -> Body
where
    B: http_body::Body<Data = Bytes> + Unpin + Send + Sync + 'static,
    B::Error: Into<BoxError>,
{
    if body.is_end_stream() {
        return Body::default();
    }
    // The client polls again, so that no wake-up is lost.
    let mut cx = Context::from_waker(Waker::noop());
    let first = match Pin::new(&mut body).poll_frame(&mut cx) {
        Poll::Pending => None,
        Poll::Ready(None) => return Body::default(),
        Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
            Ok(data) if body.is_end_stream() => return Body::from(data),
            Ok(data) => Some(Ok(Frame::data(data))),
            Err(other) => Some(Ok(other)),
        },
        Poll::Ready(Some(Err(error))) => Some(Err(error.into())),
    };
    Body::wrap(Begun { first, body })
}

pin_project! {
    /// A body of which the first frame was read.
    struct Begun<B> {
        first: Option<Result<Frame<Bytes>, BoxError>>,
        #[pin]
        body: B,
    }
}

impl<B> http_body::Body for Begun<B>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        match this.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => this.body.poll_frame(cx).map(|it| it.map(|it| it.map_err(Into::into))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let read = self.first.as_ref().and_then(|first| first.as_ref().ok()?.data_ref());
        let read = read.map_or(0, |data| data.len() as u64);
        let mut hint = self.body.size_hint();
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(read));
        }
        hint.set_lower(hint.lower().saturating_add(read));
        hint
    }
}

/// The response future of a [`ReqwestService`].
#[must_use = "futures do nothing unless polled"]
pub struct ReqwestFuture(Pin<Box<dyn Future<Output = Result<Response<Body>, Error>> + Send>>);

impl Future for ReqwestFuture {
    type Output = Result<Response<Body>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for ReqwestFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestFuture").finish_non_exhaustive()
    }
}
