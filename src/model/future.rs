use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use tower::BoxError;

use super::answers::Answers;
use crate::chat::{ChatStream, ModelError};

pin_project! {
    /// Future of the typed models: of a service from [`ChatRequest`](crate::chat::ChatRequest) to
    /// [`ChatStream`].
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
        Calling { #[pin] future: F, answers: Answers, stream: bool },
        // It answered with an error, whose body is being read.
        Reading { error: Pin<Box<dyn Future<Output = ModelError> + Send>> },
    }
}

impl<F> ResponseFuture<F> {
    /// Of a call of the HTTP service; `stream` says whether a streamed answer was asked for.
    pub(super) fn new(future: F, answers: Answers, stream: bool) -> Self {
        Self { state: State::Calling { future, answers, stream } }
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
            let (response, answers, stream) = match state.as_mut().project() {
                Project::Failed { error } => {
                    let error = error.take().expect("polled after it was ready");
                    return Poll::Ready(Err(error));
                }
                Project::Reading { error } => return error.as_mut().poll(cx).map(Err),
                Project::Calling { future, answers, stream } => {
                    (ready!(future.poll(cx)), *answers, *stream)
                }
            };
            let response = match response {
                Ok(response) => response,
                Err(error) => return Poll::Ready(Err(ModelError::Transport(error.into()))),
            };
            if response.status().is_success() {
                return Poll::Ready(answers.stream(response, stream));
            }
            state.set(State::Reading { error: Box::pin(answers.error(response)) });
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
