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

use super::response_reader::ResponseReader;
use crate::{
    chat::{ChatStream, ModelError},
    event::LlmStart,
};

pin_project! {
    /// The future of the typed models, which resolves to a [`ChatStream`].
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = Project]
    enum State<F> {
        // The request was invalid. `None` after completion.
        Failed { error: Option<ModelError> },
        // Waiting for the HTTP service.
        Calling { #[pin] future: F, reader: ResponseReader, asked: LlmStart },
        // Reading the body of an error response.
        Reading { error: Pin<Box<dyn Future<Output = ModelError> + Send>> },
    }
}

impl<F> ResponseFuture<F> {
    /// Waits for a call of the HTTP service. `asked` is what was requested.
    pub(super) fn new(future: F, reader: ResponseReader, asked: LlmStart) -> Self {
        Self { state: State::Calling { future, reader, asked } }
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
            let error = match state.as_mut().project() {
                Project::Failed { error } => {
                    let error = error.take().expect("`ResponseFuture` polled after completion");
                    return Poll::Ready(Err(error));
                }
                Project::Reading { error } => return error.as_mut().poll(cx).map(Err),
                Project::Calling { future, reader, asked } => match ready!(future.poll(cx)) {
                    Err(error) => return Poll::Ready(Err(ModelError::Transport(error.into()))),
                    Ok(response) if response.status().is_success() => {
                        return Poll::Ready(reader.stream(response, asked));
                    }
                    Ok(response) => Box::pin(reader.error(response)),
                },
            };
            state.set(State::Reading { error });
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
