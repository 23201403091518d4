use std::{
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::Request};
use futures::future::join_all;
use tower::BoxError;
use tower_llm_callbacks::{
    Callbacks, HttpCallbackLayer,
    callbacks::{FlushReport, Reloadable},
};

use crate::{
    applied::Applied, clients::Clients, config::Loaded, sinks::Former, stack::Stack, state::State,
    uploads::Uploads, watchers::Watchers,
};

/// The gateway: what serves requests now, and what stays when the settings are read again.
pub(crate) struct Gateway {
    /// A request keeps the one that it came to.
    stack: RwLock<Arc<Stack>>,
    /// A run has the handlers that were current when it started, until it ends.
    handlers: Reloadable,
    /// Its clones share the bytes that they keep, and what they count.
    layer: HttpCallbackLayer,
    clients: Clients,
    uploads: Arc<Uploads>,
    watchers: Watchers,
    /// Held while files are read and opened: only threads that may block take it.
    applied: Mutex<Applied>,
    state: RwLock<Arc<State>>,
    former: Former,
    stopping: AtomicBool,
}

impl Gateway {
    /// Starts what the settings ask for. Opens files, so it blocks. Must be called in a runtime.
    pub(crate) fn start(loaded: Loaded, watchers: Watchers) -> Result<Self, BoxError> {
        let handlers = Reloadable::new(Callbacks::new());
        let layer = HttpCallbackLayer::new(&handlers).name("gateway");
        let layer = match loaded.settings.limits.kept_bytes {
            Some(bytes) => layer.max_kept_bytes(bytes.as_usize()),
            None => layer,
        };
        let uploads = Arc::new(Uploads::new(layer.stats().max_kept_bytes));
        let clients = Clients::new();
        let former = Former::default();
        let mut applied = Applied::new(former.clone(), &watchers);
        let (set, stack) = applied.apply(loaded, &layer, &clients, &watchers, &uploads)?;
        handlers.replace(set);
        Ok(Self {
            stack: RwLock::new(Arc::new(stack)),
            handlers,
            layer,
            clients,
            uploads,
            watchers,
            state: RwLock::new(Arc::new(applied.state())),
            applied: Mutex::new(applied),
            former,
            stopping: AtomicBool::new(false),
        })
    }

    /// Reads the file of settings again. Calls in flight go on as they began; if the file is wrong, so do all others.
    ///
    /// Reads files, so it blocks. Must be called in a runtime.
    pub(crate) fn reload(&self) {
        let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        applied.sinks.reopen();
        let Some(again) = applied.again() else { return };
        let made = again.and_then(|loaded| {
            applied.apply(loaded, &self.layer, &self.clients, &self.watchers, &self.uploads)
        });
        let is_valid = made.is_ok();
        let state = match made {
            Ok((set, stack)) => {
                // Both without waiting: a request between the two has the new handlers and the old upstreams.
                drop(self.handlers.replace(set));
                *self.stack.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(stack);
                eprintln!("the configuration was read again");
                applied.state()
            }
            Err(error) => {
                eprintln!("{error}\nthe configuration before goes on");
                self.state().with_problem(error.to_string())
            }
        };
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
        metrics::gauge!("gateway_configuration_valid").set(if is_valid { 1.0 } else { 0.0 });
    }

    pub(crate) fn router(self: &Arc<Self>) -> Router {
        let gateway = Arc::clone(self);
        Router::new().fallback(async move |request: Request| gateway.stack().call(request).await)
    }

    pub(crate) fn stack(&self) -> Arc<Stack> {
        Arc::clone(&self.stack.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn layer(&self) -> &HttpCallbackLayer {
        &self.layer
    }

    pub(crate) fn uploads(&self) -> &Arc<Uploads> {
        &self.uploads
    }

    /// Returns what applies, without waiting.
    pub(crate) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes that no further requests are accepted.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Waits until all events are handled, and have arrived where they are to.
    pub(crate) async fn flush(&self, deadline: Duration) -> FlushReport {
        let report = Callbacks::from(&self.handlers).flush(deadline).await;
        let state = self.state();
        let present = join_all(state.sinks.iter().map(|sink| sink.close(deadline)));
        futures::join!(present, self.former.close(deadline));
        report
    }
}
