use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Response, header, response::Parts};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::BoxError;

use crate::{
    chat::{ChatStream, ModelError},
    model::{body::read_bounded, stream::BodyStream},
    wire::{
        Format,
        anthropic::{AnthropicDecoder, AnthropicMessages},
    },
};

pin_project! {
    /// Future of the [`AnthropicModel`](super::AnthropicModel) service.
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = Project]
    enum State<F> {
        // The request could not be sent; taken when it is told.
        Failed { error: Option<ModelError> },
        // The HTTP service is at work.
        Calling { #[pin] future: F, stream: bool },
        // It answered with an error, whose body is being read.
        Reading { error: Pin<Box<dyn Future<Output = ModelError> + Send>> },
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(future: F, stream: bool) -> Self {
        Self { state: State::Calling { future, stream } }
    }

    pub(super) fn failed(error: ModelError) -> Self {
        Self { state: State::Failed { error: Some(error) } }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Output = Result<ChatStream, ModelError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let (response, stream) = match state.as_mut().project() {
                Project::Failed { error } => {
                    let error = error.take().expect("polled after it was ready");
                    return Poll::Ready(Err(error));
                }
                Project::Reading { error } => return error.as_mut().poll(cx).map(Err),
                Project::Calling { future, stream } => (ready!(future.poll(cx)), *stream),
            };
            let (parts, body) = match response {
                Ok(response) => response.into_parts(),
                Err(error) => return Poll::Ready(Err(ModelError::Transport(error.into()))),
            };
            if parts.status.is_success() {
                return Poll::Ready(answer(&parts, body, stream));
            }
            state.set(State::Reading { error: Box::pin(error(parts, body)) });
        }
    }
}

/// The content type says whether an answer is streamed, and the request does where there is none
/// that helps: some servers leave it out.
fn answer<B>(parts: &Parts, body: B, stream: bool) -> Result<ChatStream, ModelError>
where
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let encoding = header(header::CONTENT_ENCODING).unwrap_or("identity");
    if !encoding.trim().eq_ignore_ascii_case("identity") {
        let what = "the answer is compressed: put a layer that decompresses below the model";
        return Err(ModelError::Transport(what.into()));
    }
    let kind = header(header::CONTENT_TYPE).and_then(|kind| kind.split(';').next());
    let kind = kind.map(|kind| kind.trim().to_ascii_lowercase());
    // Servers that leave out the content type, or give a wrong one, still answer as asked.
    let decoder = match kind.as_deref() {
        Some("application/json") => AnthropicDecoder::whole(),
        Some("text/event-stream") => AnthropicDecoder::new(),
        _ if stream => AnthropicDecoder::new(),
        _ => AnthropicDecoder::whole(),
    };
    let id = request_id(parts).map(Arc::from);
    Ok(ChatStream::new(BodyStream::new(body, decoder, id)))
}

async fn error<B: Body>(parts: Parts, body: B) -> ModelError {
    let body = read_bounded(body).await;
    let error = AnthropicMessages.error(parts.status, &body);
    ModelError::Provider(match request_id(&parts) {
        Some(id) => error.request_id(id),
        None => error,
    })
}

fn request_id(parts: &Parts) -> Option<&str> {
    parts.headers.get("request-id").and_then(|id| id.to_str().ok())
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
