use std::sync::Arc;

use tower::Layer;

use super::{HttpCallbackService, TracePropagation, routes::Routes};
use crate::{
    callbacks::{Callbacks, RunSpec, run_settings},
    run::RunType,
    wire::Format,
};

const DEFAULT_REQUEST_BYTES: usize = 16 * 1024 * 1024;

/// Tells callbacks what happens in LLM calls over HTTP, and changes nothing of them (but for the
/// [trace](Self::propagation) that the upstream hears of, if asked to): start, each token, and exactly one
/// end.
///
/// It wraps any `Service<http::Request<B>, Response = http::Response<B2>>`: an axum `Router`, a reverse
/// proxy, an HTTP client. Which requests are LLM calls, and in which of the [wire formats](crate::wire),
/// is told by method and path; everything else passes unobserved. Of a call, the response goes through
/// frame by frame as it comes, and a copy is decoded on the side: the provider's events, compressed or
/// not, become the same events as those of the typed [`CallbackLayer`](crate::CallbackLayer).
///
/// # When handlers are called
///
/// - **start**: when the request's body is there, or [as much of it](Self::max_request_bytes) as is
///   captured, before the inner service is called with the same bytes. The run itself starts in `call`: a
///   call that is dropped while its request is still coming is told as started and cancelled.
/// - **token**: when a frame that holds it comes out of the inner body, before the client has it (inline
///   and lockstep handlers), or soon after (others).
/// - **end** or **error**: at the protocol's own end mark, where it has one; when the body ends, fails or
///   is dropped. The client gets the last frame after awaited handlers have returned from it.
///
/// # Errors
///
/// The service's error type stays. Errors of the response body are boxed. The client of an
/// [aborted](crate::Run::abort) call gets an error response in the provider's own shape, or, if its
/// response had started, a body that breaks off.
///
/// ```
/// use axum::{Router, routing::post};
/// use tower_llm_callbacks::{Callbacks, HttpCallbackLayer, on_llm_end};
///
/// let callbacks = Callbacks::new().blocking(on_llm_end(|run, result| {
///     println!("{} {:?}", run.run_id(), result.usage);
/// }));
/// let gateway: Router = Router::new()
///     .route("/v1/messages", post(|| async { "…" }))
///     .layer(HttpCallbackLayer::new(callbacks).name("gateway"));
/// ```
#[derive(Debug, Clone)]
pub struct HttpCallbackLayer {
    settings: Arc<Settings>,
}

/// What the layer's services share.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) spec: RunSpec,
    pub(super) routes: Routes,
    pub(super) max_request_bytes: usize,
    pub(super) propagation: TracePropagation,
}

impl HttpCallbackLayer {
    /// A layer with callbacks of its own: child runs do not get them.
    pub fn new(callbacks: Callbacks) -> Self {
        let spec = RunSpec::new(RunType::Llm, callbacks);
        let routes = Routes::known();
        let max_request_bytes = DEFAULT_REQUEST_BYTES;
        let propagation = TracePropagation::default();
        Self { settings: Arc::new(Settings { spec, routes, max_request_bytes, propagation }) }
    }

    run_settings!();

    /// Adds a format of your own. It is asked [whether a request is its call](Format::matches) before
    /// the formats of this crate.
    #[must_use]
    pub fn format(self, format: impl Format) -> Self {
        self.set(|settings| settings.routes.matches(Arc::new(format)))
    }

    /// Says that all requests with a path are calls in a format, but for those with a method that calls
    /// nothing, such as `OPTIONS` and `HEAD`. One `*` in the path stands for any text.
    ///
    /// What is said last counts first. The path is what the service sees: inside `Router::nest` without
    /// the prefix.
    ///
    /// ```
    /// use tower_llm_callbacks::{Callbacks, HttpCallbackLayer, wire::anthropic::AnthropicMessages};
    ///
    /// let layer = HttpCallbackLayer::new(Callbacks::new())
    ///     .route("/claude/*", AnthropicMessages)
    ///     .ignore("/claude/models");
    /// ```
    #[must_use]
    pub fn route(self, path: &str, format: impl Format) -> Self {
        self.set(|settings| settings.routes.set(path, Some(Arc::new(format))))
    }

    /// Says that requests with a path pass unobserved. One `*` in the path stands for any text.
    #[must_use]
    pub fn ignore(self, path: &str) -> Self {
        self.set(|settings| settings.routes.set(path, None))
    }

    /// Sets up to how many bytes a request's body is captured; 16 MiB is the default. A longer one is sent
    /// on as it comes, and the start tells what could be read of its beginning: its
    /// [`http.body_complete`](crate::event::HttpRequestInfo::body_complete) is false.
    #[must_use]
    pub fn max_request_bytes(self, bytes: usize) -> Self {
        self.set(|settings| settings.max_request_bytes = bytes)
    }

    /// Sets what the upstream hears of the trace that a request is part of; it is what the request says,
    /// unless this is called.
    #[must_use]
    pub fn propagation(self, propagation: TracePropagation) -> Self {
        self.set(|settings| settings.propagation = propagation)
    }

    fn change(self, change: impl FnOnce(&mut RunSpec)) -> Self {
        self.set(|settings| change(&mut settings.spec))
    }

    fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S> Layer<S> for HttpCallbackLayer {
    type Service = HttpCallbackService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        HttpCallbackService::new(inner, Arc::clone(&self.settings))
    }
}
