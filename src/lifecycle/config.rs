use std::{fmt, sync::Arc};

use serde_json::Value;
use tower::Service;
use uuid::Uuid;

use super::{
    attached::Attached,
    one_shot::{OneShotSettings, RunHandle},
};
use crate::{
    callbacks::Callbacks,
    run::{InRun, Scope},
};

/// Callbacks, tags and metadata for calls made at request time.
///
/// They apply to every run that is made inside [`scope`](Self::scope), and to its children. The name and the id
/// apply to the first call only.
///
/// In the extensions of a request, a configuration applies to the run that a
/// [`HttpCallbackLayer`](crate::HttpCallbackLayer) or [`CallbackLayer`](crate::CallbackLayer) makes for that request.
/// So a layer of a gateway can attach callbacks by caller. Bound to a service with a
/// [`RunConfigLayer`](crate::RunConfigLayer), it applies to every call of that service.
///
/// Inherited handlers come first, then those of request time (bound ones before those of the call), then those of
/// layers. Metadata that is set later in this order overwrites earlier metadata.
///
/// ```
/// use tower_llm_callbacks::{Callbacks, RunConfig, on_llm_end};
///
/// # async fn call_a_model() {}
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let callbacks = Callbacks::new().blocking(on_llm_end(|run, result| {
///     println!("{:?}: {} tokens", run.metadata().get("user"), result.tokens);
/// }));
/// RunConfig::new()
///     .callbacks(&callbacks)
///     .tags(["checkout"])
///     .metadata("user", "u-17")
///     .run_name("summary")
///     .scope(call_a_model())
///     .await;
/// # }
/// ```
#[derive(Clone, Default)]
#[must_use = "a configuration applies only in its `scope`, in a request's extensions or bound to a service"]
pub struct RunConfig(Config);

/// The settings of a [`RunConfig`]. Children inherit them, except the one-shot settings.
#[derive(Clone, Default, Debug)]
pub(crate) struct Config {
    pub(crate) attached: Arc<Attached>,
    pub(crate) one_shot: Arc<OneShotSettings>,
}

impl RunConfig {
    /// Creates a configuration that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds handlers. They come before those of the layers.
    pub fn callbacks(self, callbacks: impl Into<Callbacks>) -> Self {
        self.attach(|attached| attached.add_callbacks(callbacks))
    }

    /// Adds tags.
    pub fn tags<T: Into<Arc<str>>>(self, tags: impl IntoIterator<Item = T>) -> Self {
        self.attach(|attached| attached.add_tags(tags))
    }

    /// Sets a key of the metadata. The innermost setting of a key applies.
    pub fn metadata(self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.attach(|attached| {
            attached.metadata.insert(key.into(), value.into());
        })
    }

    /// Sets the name of the first run that is made, and of further attempts of that call, if an
    /// [`AttemptsLayer`](crate::AttemptsLayer) counts them. Clones of the configuration share the name: one call gets it.
    pub fn run_name(self, name: impl Into<Arc<str>>) -> Self {
        self.one_shot(|settings| settings.with_name(Some(name.into())))
    }

    /// Sets the id of the first run that is made. It should be unique. Clones of the configuration share the id: one
    /// run gets it.
    pub fn run_id(self, id: Uuid) -> Self {
        self.one_shot(|settings| settings.with_id(Some(id)))
    }

    /// Returns a handle to the first run that is made with this configuration, or with a clone of it, also if more is set on
    /// that or if it is bound to a service.
    ///
    /// ```
    /// # use tower::{Layer, Service, ServiceExt, service_fn};
    /// # use tower_llm_callbacks::{Callbacks, RunConfig, RunLayer, on_event};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tower::BoxError> {
    /// # let callbacks = Callbacks::new().inline(on_event(|_, _| ()));
    /// # let chain = RunLayer::chain("shout").callbacks(&callbacks);
    /// # let mut chain = chain.layer(service_fn(|word: String| async move { Ok::<_, tower::BoxError>(word) }));
    /// let config = RunConfig::new().tags(["feedback"]);
    /// let first = config.handle();
    /// config.call(chain.ready().await?, "hi".to_owned()).await?;
    /// println!("rate this answer: /feedback/{}", first.run_id().unwrap());
    /// # Ok(()) }
    /// ```
    pub fn handle(&self) -> RunHandle {
        RunHandle(Arc::clone(&self.0.one_shot))
    }

    /// Calls a ready service with the configuration: LangChain's `invoke(input, config)`.
    ///
    /// ```
    /// # use tower::{Layer, Service, ServiceExt, service_fn};
    /// # use tower_llm_callbacks::{Callbacks, RunConfig, RunLayer, on_event};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tower::BoxError> {
    /// # let callbacks = Callbacks::new().inline(on_event(|_, _| ()));
    /// # let chain = RunLayer::chain("shout");
    /// # let mut chain = chain.layer(service_fn(|word: String| async move { Ok::<_, tower::BoxError>(word) }));
    /// let config = RunConfig::new().callbacks(&callbacks).tags(["urgent"]);
    /// let answer = config.call(chain.ready().await?, "hi".to_owned()).await?;
    /// # Ok(()) }
    /// ```
    pub fn call<S, Req>(self, service: &mut S, request: Req) -> InRun<S::Future>
    where
        S: Service<Req>,
    {
        let mut scope = self.into_scope();
        let future = scope.enter(|| service.call(request));
        InRun::new(future, scope)
    }

    /// Wraps a future, stream or closure so that the configuration applies to calls made in it, in addition to the run
    /// that is current now.
    ///
    /// A run starts where its service is called. In `config.scope(async { service.call(request).await })` that is
    /// inside the scope; in `config.scope(service.call(request))` it is before. For a single call, use
    /// [`call`](Self::call).
    pub fn scope<T>(self, inner: T) -> InRun<T> {
        InRun::new(inner, self.into_scope())
    }

    /// Calls a closure so that the configuration applies to calls made in it.
    pub fn sync_scope<T>(self, f: impl FnOnce() -> T) -> T {
        self.into_scope().enter(f)
    }

    /// Returns the current scope with this configuration inside all others.
    fn into_scope(self) -> Scope {
        Scope::current().configured(|scope| scope.configs.push(Arc::new(self.0)))
    }

    /// Returns the current scope with this configuration, for one call of a service that it is bound to: outside of
    /// those of the call. The name applies to every call, the id to the first one.
    pub(crate) fn bound_scope(&self) -> Scope {
        let Config { attached, one_shot } = &self.0;
        let config =
            Config { attached: Arc::clone(attached), one_shot: Arc::new(one_shot.for_call()) };
        Scope::current().configured(|scope| scope.configs.insert(0, Arc::new(config)))
    }

    pub(crate) fn config(&self) -> Config {
        self.0.clone()
    }

    fn attach(mut self, change: impl FnOnce(&mut Attached)) -> Self {
        change(Arc::make_mut(&mut self.0.attached));
        self
    }

    fn one_shot(mut self, change: impl FnOnce(OneShotSettings) -> OneShotSettings) -> Self {
        self.0.one_shot = Arc::new(change(self.0.one_shot.copy()));
        self
    }
}

impl fmt::Debug for RunConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunConfig")
            .field("callbacks", &self.0.attached.callbacks)
            .field("tags", &self.0.attached.tags)
            .field("one_shot", &self.0.one_shot)
            .finish_non_exhaustive()
    }
}
