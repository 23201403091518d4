use std::{fmt, sync::Arc};

use serde_json::Value;
use tower::Service;
use uuid::Uuid;

pub(crate) use super::once::Once;
use super::{Callbacks, inherit::Attached, once::RunHandle};
use crate::run::{Context, InRun};

/// Callbacks, tags and metadata given at request time.
///
/// They go to every run that is made inside [`scope`](Self::scope), and to their children. Name and
/// id are for one run only: the first one.
///
/// Put into the extensions of a request, it goes to the run that a
/// [`HttpCallbackLayer`](crate::HttpCallbackLayer) or [`CallbackLayer`](crate::CallbackLayer) makes for that
/// request: so a layer of a gateway can attach callbacks by who asks. Bound to a service, with a
/// [`RunConfigLayer`](crate::RunConfigLayer), it goes to every call of that service.
///
/// Of handlers those that are inherited come first, then those of request time (bound ones before those of
/// the call), then those of layers. Metadata that is set later in this order overwrites what was set before.
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
#[must_use = "a configuration counts only inside its `scope`, in a request's extensions or bound to a service"]
pub struct RunConfig(Config);

/// What is given at request time: inherited, but for name and id, which are for one run only.
#[derive(Clone, Default, Debug)]
pub(crate) struct Config {
    pub(crate) attached: Arc<Attached>,
    pub(crate) once: Arc<Once>,
}

impl RunConfig {
    /// A configuration that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds handlers. They come before those of the layers.
    pub fn callbacks(self, callbacks: &Callbacks) -> Self {
        self.attach(|attached| {
            let all = std::mem::take(&mut attached.callbacks);
            attached.callbacks = all.merge(callbacks);
        })
    }

    /// Adds tags.
    pub fn tags<T: Into<Arc<str>>>(self, tags: impl IntoIterator<Item = T>) -> Self {
        self.attach(|attached| attached.add_tags(tags))
    }

    /// Sets a key of the metadata. The innermost setting of a key counts.
    pub fn metadata(self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.attach(|attached| {
            attached.metadata.insert(key.into(), value.into());
        })
    }

    /// Names the first run that is made. Clones of the configuration share the name: one run has it.
    pub fn run_name(self, name: impl Into<Arc<str>>) -> Self {
        self.once(|once| once.with_name(Some(name.into())))
    }

    /// Gives the first run that is made its id. It should be unique. Clones of the configuration share
    /// the id: one run has it.
    pub fn run_id(self, id: Uuid) -> Self {
        self.once(|once| once.with_id(Some(id)))
    }

    /// A handle that knows the first run which is made with this configuration, or with a clone of it.
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
        RunHandle(Arc::clone(&self.0.once))
    }

    /// Calls a service that is ready, so that the configuration counts for this call: LangChain's
    /// `invoke(input, config)`.
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
        let mut context = self.into_context();
        let future = context.swapped(|| service.call(request));
        InRun::new(future, context)
    }

    /// Wraps a future, stream or closure so that the configuration counts for calls made in it, besides
    /// the run that is current now.
    ///
    /// A run starts where its service is called: in `config.scope(async { service.call(request).await })` that
    /// is inside, in `config.scope(service.call(request))` it is before. For a single call there is
    /// [`call`](Self::call).
    pub fn scope<T>(self, inner: T) -> InRun<T> {
        InRun::new(inner, self.into_context())
    }

    /// Calls a closure so that the configuration counts for calls made in it.
    pub fn sync_scope<T>(self, f: impl FnOnce() -> T) -> T {
        self.into_context().enter(f)
    }

    /// The current context with this configuration inside all others.
    fn into_context(self) -> Context {
        Context::current().scoped(|scope| scope.configs.push(Arc::new(self.0)))
    }

    /// The current context with this configuration for one call of a service that it is bound to: outside
    /// of those of the call. The name is for every call, the id for the first one.
    pub(crate) fn bound_context(&self) -> Context {
        let Config { attached, once } = &self.0;
        let config = Config { attached: Arc::clone(attached), once: Arc::new(once.for_call()) };
        Context::current().scoped(|scope| scope.configs.insert(0, Arc::new(config)))
    }

    pub(crate) fn config(&self) -> Config {
        self.0.clone()
    }

    fn attach(mut self, change: impl FnOnce(&mut Attached)) -> Self {
        change(Arc::make_mut(&mut self.0.attached));
        self
    }

    fn once(mut self, change: impl FnOnce(Once) -> Once) -> Self {
        self.0.once = Arc::new(change(self.0.once.copy()));
        self
    }
}

impl fmt::Debug for RunConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunConfig")
            .field("callbacks", &self.0.attached.callbacks)
            .field("tags", &self.0.attached.tags)
            .field("once", &self.0.once)
            .finish_non_exhaustive()
    }
}
