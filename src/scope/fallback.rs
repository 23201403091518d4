use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower::Service;

use super::AttemptsService;
use crate::{
    accessors::checked,
    bounds::{CloneService, ReadError},
    event::{InvalidRequest, causes},
    run::{Aborted, InRun},
};

/// Calls the first of several services, and the next one if it fails before it responds.
///
/// Each attempt is a run of its own; those after the first have a `retry` event. An abort and an invalid request end the
/// call. A service of another model changes the request itself, as here:
///
/// ```
/// use tower::{Service, ServiceExt};
/// use tower_llm_callbacks::{chat::{BoxModel, ChatRequest}, scope::Fallback};
/// # use tower_llm_callbacks::{Delta, ProviderError, chat::{ChatStream, ModelError}};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), ModelError> {
/// # let claude = BoxModel::new(tower::service_fn(|_: ChatRequest| async {
/// #     Err::<ChatStream, _>(ModelError::Provider(ProviderError::new("Overloaded").status(529)))
/// # }));
/// # let gpt = BoxModel::new(tower::service_fn(|request: ChatRequest| async move {
/// #     let chunks = [Delta::text(request.model.to_string()), Delta::Done];
/// #     Ok::<_, ModelError>(ChatStream::new(futures::stream::iter(chunks.map(Ok))))
/// # }));
/// let gpt = BoxModel::new(gpt.map_request(|mut request: ChatRequest| {
///     request.model = "gpt-5-mini".into();
///     request
/// }));
/// let mut model = Fallback::new(claude, [gpt]);
/// let answer = model.ready().await?.call(ChatRequest::new("claude-haiku-4-5").user("Hi")).await?;
/// assert_eq!(answer.collect_result().await?.text(), "gpt-5-mini");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Fallback<S>(AttemptsService<Alternatives<S>>);

/// The services of a [`Fallback`], without the events.
#[derive(Debug, Clone)]
struct Alternatives<S> {
    first: S,
    others: Arc<[S]>,
}

impl<S> Fallback<S> {
    /// Creates a service that calls `first`, and `others` in their order.
    pub fn new(first: S, others: impl IntoIterator<Item = S>) -> Self {
        let others = others.into_iter().collect();
        Self(AttemptsService::new(Alternatives { first, others }))
    }

    checked!();
}

impl<S, Req> Service<Req> for Fallback<S>
where
    S: Service<Req> + CloneService,
    S::Error: ReadError,
    Req: Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = InRun<FallbackFuture<S, Req, S::Future>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        self.0.call(request)
    }
}

impl<S, Req> Service<Req> for Alternatives<S>
where
    S: Service<Req> + CloneService,
    S::Error: ReadError,
    Req: Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = FallbackFuture<S, Req, S::Future>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // A first service that is not ready because it failed is no reason to fail.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let others = Arc::clone(&self.others);
        let service = Some(self.first.clone());
        FallbackFuture { others, next: 0, request, state: State::Waiting { service } }
    }
}

pin_project! {
    /// The response future of a [`Fallback`].
    #[must_use = "futures do nothing unless polled"]
    pub struct FallbackFuture<S, Req, F> {
        others: Arc<[S]>,
        next: usize,
        request: Req,
        #[pin]
        state: State<S, F>,
    }
}

pin_project! {
    #[project = Project]
    enum State<S, F> {
        // Until the service is ready.
        Waiting { service: Option<S> },
        Calling { #[pin] future: F },
    }
}

impl<S, Req> Future for FallbackFuture<S, Req, S::Future>
where
    S: Service<Req> + CloneService,
    S::Error: ReadError,
    Req: Clone,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let error = match this.state.as_mut().project() {
                Project::Waiting { service } => {
                    let Some(ready) = service else { unreachable!("it is taken with the state") };
                    match ready!(ready.poll_ready(cx)) {
                        Ok(()) => {
                            let future = ready.call(this.request.clone());
                            this.state.set(State::Calling { future });
                            continue;
                        }
                        Err(error) => error,
                    }
                }
                Project::Calling { future } => match ready!(future.poll(cx)) {
                    Ok(response) => return Poll::Ready(Ok(response)),
                    Err(error) => error,
                },
            };
            let next = this.others.get(*this.next).filter(|_| !is_final(error.as_ref()));
            let Some(next) = next else { return Poll::Ready(Err(error)) };
            *this.next += 1;
            this.state.set(State::Waiting { service: Some(next.clone()) });
        }
    }
}

/// Whether another service would fail as well, or must not be asked.
fn is_final(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<Aborted>() || cause.is::<InvalidRequest>())
}

impl<S, Req, F> fmt::Debug for FallbackFuture<S, Req, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FallbackFuture").field("attempt", &(self.next + 1)).finish_non_exhaustive()
    }
}
