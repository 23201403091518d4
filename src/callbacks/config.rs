use std::{fmt, sync::Arc};

use serde_json::Value;
use uuid::Uuid;

use super::{
    Callbacks,
    inherit::{Attached, Config},
};
use crate::run::{Context, InRun};

/// Callbacks, tags and metadata given at request time.
///
/// They go to every run that is made inside [`scope`](Self::scope), and to their children. Name and
/// id are for one run only: the first one.
///
/// ```
/// use tower_llm_callbacks::{Callbacks, RunConfig, on_end};
///
/// # async fn call_a_model() {}
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let callbacks = Callbacks::new().blocking(on_end(|run, result| {
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
#[derive(Default)]
#[must_use = "a configuration counts only inside its `scope`"]
pub struct RunConfig {
    attached: Attached,
    run_name: Option<Arc<str>>,
    run_id: Option<Uuid>,
}

impl RunConfig {
    /// A configuration that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds handlers. They come before those of the layers.
    pub fn callbacks(mut self, callbacks: &Callbacks) -> Self {
        let all = std::mem::take(&mut self.attached.callbacks);
        self.attached.callbacks = all.extend(callbacks);
        self
    }

    /// Adds tags.
    pub fn tags<T: Into<Arc<str>>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.attached.add_tags(tags);
        self
    }

    /// Sets a key of the metadata. The innermost setting of a key counts.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.attached.metadata.insert(key.into(), value.into());
        self
    }

    /// Names the first run that is made.
    pub fn run_name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.run_name = Some(name.into());
        self
    }

    /// Gives the first run that is made its id. It should be unique.
    pub fn run_id(mut self, id: Uuid) -> Self {
        self.run_id = Some(id);
        self
    }

    /// Wraps a future or stream so that the configuration counts for calls made in it, besides the run
    /// that is current now.
    pub fn scope<T>(self, inner: T) -> InRun<T> {
        InRun::new(inner, self.into_context())
    }

    /// Calls a closure so that the configuration counts for calls made in it.
    pub fn sync_scope<T>(self, f: impl FnOnce() -> T) -> T {
        self.into_context().enter(f)
    }

    fn into_context(self) -> Context {
        let config = Config {
            attached: self.attached,
            run_name: self.run_name.into(),
            run_id: self.run_id.into(),
        };
        Context::current().scoped(|scope| scope.configs.push(Arc::new(config)))
    }
}

impl fmt::Debug for RunConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunConfig")
            .field("callbacks", &self.attached.callbacks)
            .field("tags", &self.attached.tags)
            .field("run_name", &self.run_name)
            .field("run_id", &self.run_id)
            .finish_non_exhaustive()
    }
}
