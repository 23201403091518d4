use std::task::{Context, Poll};

use tower::{Layer, Service};

use crate::{accessors::accessors, lifecycle::RunConfig, run::InRun};

/// Binds a configuration to every call of a service, as LangChain's `with_config` does.
///
/// Bound handlers come before those of request time. A name and metadata of request time replace the bound ones. A bound
/// name applies to the first run of each call, a bound id to the first run of the first call.
///
/// ```
/// use tower::{Layer, Service, ServiceExt, service_fn};
/// use tower_llm_callbacks::{Callbacks, RunConfig, RunConfigLayer, RunLayer, on_event};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tower::BoxError> {
/// let callbacks = Callbacks::new().inline(on_event(|run, event| {
///     println!("{} {:?}: {}", run.name(), run.tags(), event.kind());
/// }));
/// let chain = service_fn(|word: String| async move { Ok::<_, tower::BoxError>(word + "!") });
/// let chain = RunLayer::chain("shout").layer(chain);
///
/// let config = RunConfig::new().callbacks(&callbacks).tags(["loud"]);
/// let mut bound = RunConfigLayer::new(config).layer(chain);
/// assert_eq!(bound.ready().await?.call("hi".to_owned()).await?, "hi!");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct RunConfigLayer {
    config: RunConfig,
}

impl RunConfigLayer {
    /// Creates a layer that binds a configuration.
    pub fn new(config: RunConfig) -> Self {
        Self { config }
    }
}

impl<S> Layer<S> for RunConfigLayer {
    type Service = RunConfigService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RunConfigService::new(inner, self.config.clone())
    }
}

/// The service of a [`RunConfigLayer`].
#[derive(Debug, Clone)]
pub struct RunConfigService<S> {
    inner: S,
    config: RunConfig,
}

impl<S> RunConfigService<S> {
    /// Wraps a service, and binds a configuration to its calls.
    pub fn new(inner: S, config: RunConfig) -> Self {
        Self { inner, config }
    }

    accessors!();
}

impl<S, Req> Service<Req> for RunConfigService<S>
where
    S: Service<Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = InRun<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let mut scope = self.config.bound_scope();
        let future = scope.enter(|| self.inner.call(request));
        InRun::new(future, scope)
    }
}
