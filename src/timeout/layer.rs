use std::time::Duration;

use tower::Layer;

use super::{BodyTimeout, StreamTimeout, limits::Limits};

macro_rules! timeout_layer {
    ($(#[$doc:meta])* $layer:ident, $service:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default)]
        pub struct $layer {
            limits: Limits,
        }

        impl $layer {
            /// Creates a layer without limits.
            pub fn new() -> Self {
                Self::default()
            }

            /// Sets how long the answer may take from the call to its first item.
            #[must_use]
            pub fn first(mut self, limit: Duration) -> Self {
                self.limits.first = Some(limit);
                self
            }

            /// Sets how long the consumer may have to wait between two items, and for the end after the last one.
            #[must_use]
            pub fn between(mut self, limit: Duration) -> Self {
                self.limits.between = Some(limit);
                self
            }
        }

        impl<S> Layer<S> for $layer {
            type Service = $service<S>;

            fn layer(&self, inner: S) -> Self::Service {
                $service::from_limits(inner, self.limits)
            }
        }
    };
}

timeout_layer! {
    /// Limits the time to the first item of a stream, and the pauses between items.
    ///
    /// Wraps a service whose response is a stream of results. When a limit is exceeded, the inner call or stream is dropped,
    /// and the caller gets a [`StreamTimedOut`](super::StreamTimedOut), which is the last item of the stream. The timer of
    /// the tokio runtime must be enabled.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower::ServiceBuilder;
    /// use tower_llm_callbacks::{CallbackLayer, Callbacks, timeout::StreamTimeoutLayer};
    /// # use tower::{BoxError, service_fn};
    /// # use tower_llm_callbacks::chat::{ChatChunk, ChatRequest};
    /// # let model = service_fn(|_: ChatRequest| async {
    /// #     Ok::<_, BoxError>(futures::stream::empty::<Result<ChatChunk, BoxError>>())
    /// # });
    ///
    /// let timeouts = StreamTimeoutLayer::new()
    ///     .first(Duration::from_secs(30))
    ///     .between(Duration::from_secs(10));
    /// let model = ServiceBuilder::new()
    ///     .layer(CallbackLayer::new(Callbacks::new()))
    ///     .layer(timeouts)
    ///     .service(model);
    /// ```
    StreamTimeoutLayer, StreamTimeout
}

timeout_layer! {
    /// Limits the time to the first frame of a response's body, and the pauses between frames.
    ///
    /// Wraps an HTTP service. If the response has not come in time, the caller gets a response with status 504 in its
    /// place, whose extensions have a [`TransportFailure`](crate::http_layer::TransportFailure). A body that is late after
    /// that breaks off with a [`StreamTimedOut`](super::StreamTimedOut). The timer of the tokio runtime must be enabled.
    ///
    /// ```
    /// use std::time::Duration;
    /// use axum::{Router, routing::post};
    /// use tower_llm_callbacks::{Callbacks, HttpCallbackLayer, timeout::BodyTimeoutLayer};
    ///
    /// let gateway: Router = Router::new()
    ///     .route("/v1/messages", post(|| async { "…" }))
    ///     .layer(BodyTimeoutLayer::new().first(Duration::from_secs(30)))
    ///     .layer(HttpCallbackLayer::new(Callbacks::new()));
    /// ```
    BodyTimeoutLayer, BodyTimeout
}
