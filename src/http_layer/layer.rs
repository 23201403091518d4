use std::{error::Error, sync::Arc};

use tower::Layer;

use super::{
    CallerRules, HttpCallbackService, HttpStats, TracePropagation,
    budget::Budget,
    settings::{Settings, typed_error},
};
use crate::{
    callbacks::Callbacks,
    lifecycle::{RunSpec, llm_settings, run_settings},
    wire::Format,
};

/// Emits the events of LLM calls over HTTP to callbacks: start, each token, and exactly one end.
///
/// Wraps an axum `Router`, a reverse proxy, an HTTP client, or any other service of `http::Request`s. For requests with a body
/// `B`, the inner service takes a [`RequestBody<B>`](crate::http_layer::RequestBody), as a `Service<Request<RequestBody<B>>>`;
/// services that take any body, as most do, need no change. LLM calls and their [wire format](crate::wire) are detected by method and path, and by the body where several
/// APIs have a path: see the [table of endpoints](crate::guide::endpoints). So are [embeddings, ranking, pictures, speech and
/// moderation](crate::wire::operations), whose runs are of types of their own. Other requests pass unobserved. The response of a
/// call passes frame by frame as it arrives, and a decoder reads it beside the consumer:
/// the provider's events, compressed or not, become the events of the typed [`CallbackLayer`](crate::CallbackLayer).
/// Nothing of a call is changed, except the headers of its trace if [`propagation`](Self::propagation) is set.
///
/// # When handlers are called
///
/// - **start**: when the request's body has arrived, or [the part](Self::max_request_bytes) that is captured, before the
///   inner service is called with the same bytes. The run itself starts in `call`: if a call is dropped while its request
///   is still arriving, its run starts and is cancelled.
/// - **token**: when the inner body yields a frame that holds it, before the client gets the frame (inline and lockstep
///   handlers), or soon after (others).
/// - **end** or **error**: at the protocol's end mark, if it has one; when the body ends, fails or is dropped. The client
///   gets the last frame after awaited handlers have returned from it.
///
/// # Errors
///
/// The error type is that of the service. Errors of the response body are boxed. The client of an
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

impl HttpCallbackLayer {
    /// Creates a layer with callbacks for its own runs, but not for their children.
    pub fn new(callbacks: impl Into<Callbacks>) -> Self {
        Self { settings: Arc::new(Settings::new(callbacks.into())) }
    }

    run_settings!();
    llm_settings!();

    /// Adds a wire format. It is [matched](Format::matches) before those of this crate.
    #[must_use]
    pub fn format(self, format: impl Format) -> Self {
        self.set(|settings| settings.routes.add(Arc::new(format)))
    }

    /// Treats all requests with a path as calls in a format, except those with a method that calls nothing, such as
    /// `OPTIONS` and `HEAD`. One `*` in the path matches any text.
    ///
    /// The last matching route or [`ignore`](Self::ignore) applies. The path is that which the service receives: without
    /// the prefix inside `Router::nest`. It is compared as a server reads it, however a client spells it: percent-decoded
    /// once, without dot segments, repeated slashes and a slash at its end.
    ///
    /// ```
    /// use tower_llm_callbacks::{Callbacks, HttpCallbackLayer, wire::anthropic::AnthropicMessages};
    ///
    /// let layer = HttpCallbackLayer::new(Callbacks::new())
    ///     .route("/claude/*", AnthropicMessages)
    ///     .ignore("/claude/models");
    /// ```
    ///
    /// # Panics
    ///
    /// If no path can match: it does not start with `/` or `*`, or has a query or more than one `*`.
    #[must_use]
    #[track_caller]
    pub fn route(self, path: &str, format: impl Format) -> Self {
        self.set(|settings| settings.routes.set(path, Some(Arc::new(format))))
    }

    /// Lets requests with a path pass unobserved. One `*` in the path matches any text.
    ///
    /// # Panics
    ///
    /// As [`route`](Self::route).
    #[must_use]
    #[track_caller]
    pub fn ignore(self, path: &str) -> Self {
        self.set(|settings| settings.routes.set(path, None))
    }

    /// Sets the provider of all calls: the name in their start events and results.
    ///
    /// The provider of a call is that which [`provider_for`](Self::provider_for) sets for its path, or this, or the
    /// [`Provider`](crate::http_layer::Provider) in the request's extensions, or the one that is known by the host of the
    /// request's URI, or by its path, or else that of its [format](Format). A gateway knows its upstream, and sets it here:
    /// the requests of its clients have the gateway's own host.
    ///
    /// ```
    /// use tower_llm_callbacks::{Callbacks, HttpCallbackLayer};
    ///
    /// let layer = HttpCallbackLayer::new(Callbacks::new())
    ///     .provider("openrouter")
    ///     .provider_for("/groq/*", "groq");
    /// ```
    #[must_use]
    pub fn provider(self, name: impl Into<Arc<str>>) -> Self {
        self.set(|settings| settings.provider = Some(name.into()))
    }

    /// Sets the provider of the calls with a path. One `*` in the path matches any text. The last matching path applies.
    ///
    /// # Panics
    ///
    /// As [`route`](Self::route).
    #[must_use]
    #[track_caller]
    pub fn provider_for(self, path: &str, name: impl Into<Arc<str>>) -> Self {
        self.set(|settings| settings.routes.set_provider(path, name.into()))
    }

    /// Sets how many bytes of a request's body are captured. The default is 16 MiB.
    ///
    /// The rest of a longer body passes as it arrives. The start event has what could be read of the beginning, and its
    /// [`http.body_complete`](crate::event::HttpRequestInfo::body_complete) is false.
    #[must_use]
    pub fn max_request_bytes(self, bytes: usize) -> Self {
        self.set(|settings| settings.max_request_bytes = bytes)
    }

    /// Sets how many bytes of requests and answers all runs of this layer keep together. The default is 256 MiB.
    ///
    /// Beyond it, bodies pass as before, but are not kept: the start event says that the
    /// [body is not complete](crate::event::HttpRequestInfo::body_complete), the result of an answer that
    /// [decoding was skipped](crate::LlmResult::decode_skipped). A request and its answer count until the run has ended
    /// and its events are handled.
    #[must_use]
    pub fn max_kept_bytes(self, bytes: usize) -> Self {
        self.set(|settings| settings.budget = Budget::new(bytes))
    }

    /// Returns what the runs of this layer, of its clones and of their services keep at the moment, and which requests to
    /// LLM APIs they let pass unobserved because no format recognises them.
    ///
    /// ```
    /// # use tower_llm_callbacks::{Callbacks, HttpCallbackLayer};
    /// let layer = HttpCallbackLayer::new(Callbacks::new());
    /// assert_eq!(layer.stats().waiting_requests, 0);
    /// ```
    pub fn stats(&self) -> HttpStats {
        self.settings.stats()
    }

    /// Has errors of a type reported with their causes, such as "connection refused".
    ///
    /// That is so for [`BoxError`](tower::BoxError), [`io::Error`](std::io::Error) and, with the feature `client`, those
    /// of hyper-util's client. Of other errors of the inner service, only the message is reported.
    ///
    /// ```
    /// # use tower_llm_callbacks::{Callbacks, HttpCallbackLayer};
    /// let layer = HttpCallbackLayer::new(Callbacks::new()).error_type::<std::fmt::Error>();
    /// ```
    #[must_use]
    pub fn error_type<E: Error + 'static>(self) -> Self {
        self.set(|settings| settings.error_types.push(typed_error::<E>))
    }

    /// Sets what the upstream gets of the trace that a request is part of. The default is the headers of the request.
    #[must_use]
    pub fn propagation(self, propagation: TracePropagation) -> Self {
        self.set(|settings| settings.propagation = propagation)
    }

    /// Sets which headers and members of bodies become metadata and tags of a call's run. The default is none.
    #[must_use]
    pub fn callers(self, callers: CallerRules) -> Self {
        self.set(|settings| settings.callers = callers)
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
        HttpCallbackService::from_settings(inner, Arc::clone(&self.settings))
    }
}
