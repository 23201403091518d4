use std::{sync::Arc, time::Duration};

use tower::Layer;

use super::{
    Drain, DrainStats, StreamDrain,
    drains::{Drains, Limits},
};

macro_rules! drain_layer {
    ($(#[$doc:meta])* $layer:ident, $service:ident, $limits:expr, $(#[$size_doc:meta])* $size:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $layer {
            drains: Arc<Drains>,
        }

        impl $layer {
            /// Creates a layer with the default limits.
            pub fn new() -> Self {
                Self { drains: Arc::new(Drains::new($limits)) }
            }

            /// Sets how long an answer is drained, from when it was dropped: 30 seconds by default.
            #[must_use]
            pub fn max_time(self, time: Duration) -> Self {
                self.limited(|limits| limits.time = time)
            }

            $(#[$size_doc])*
            #[must_use]
            pub fn $size(self, most: u64) -> Self {
                self.limited(|limits| limits.size = most)
            }

            /// Sets how many answers are drained at the same time: 100 by default. Further calls that are dropped meanwhile are
            /// not drained.
            #[must_use]
            pub fn max_drains(self, drains: usize) -> Self {
                self.limited(|limits| limits.drains = drains)
            }

            /// Returns what the layer drains at the moment, and what became of what it drained.
            ///
            /// Clones of a layer, and its services, share this, and the limit on the number. A setter returns a layer with counts of
            /// its own.
            pub fn stats(&self) -> DrainStats {
                self.drains.stats()
            }

            /// Waits until no answer is drained, for at most a time. The output is true if none is.
            ///
            /// For a shutdown, when no call is made any more: a runtime that shuts down drops its tasks, and with them the answers that
            /// are drained. Handlers may still have to receive the last events afterwards:
            /// [`Callbacks::flush`](crate::Callbacks::flush).
            ///
            /// # Panics
            ///
            /// If the future is not polled in a tokio runtime with a timer.
            pub fn flush(
                &self,
                deadline: Duration,
            ) -> impl Future<Output = bool> + Send + 'static + use<> {
                Arc::clone(&self.drains).flush(deadline)
            }

            fn limited(self, set: impl FnOnce(&mut Limits)) -> Self {
                let mut limits = self.drains.limits;
                set(&mut limits);
                Self { drains: Arc::new(Drains::new(limits)) }
            }
        }

        impl Default for $layer {
            fn default() -> Self {
                Self::new()
            }
        }

        impl<S> Layer<S> for $layer {
            type Service = $service<S>;

            fn layer(&self, inner: S) -> Self::Service {
                $service::from_drains(inner, Arc::clone(&self.drains))
            }
        }
    };
}

drain_layer! {
    /// Reads the answers of an HTTP service to their end when their client has gone, within [limits](super#limits).
    ///
    /// Goes outside of a [`HttpCallbackLayer`](crate::HttpCallbackLayer), whose run then has the
    /// [whole usage](super#what-is-reported). The frames of a response pass unchanged while its client is there.
    ///
    /// ```
    /// use std::time::Duration;
    /// use axum::{Router, routing::post};
    /// use tower_llm_callbacks::{Callbacks, HttpCallbackLayer, drain::DrainLayer};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let callbacks = Callbacks::new();
    /// let drain = DrainLayer::new().max_time(Duration::from_secs(60)).max_drains(20);
    /// let gateway: Router = Router::new()
    ///     .route("/v1/messages", post(|| async { "…" }))
    ///     .layer(HttpCallbackLayer::new(callbacks.clone()))
    ///     .layer(drain.clone());
    ///
    /// // When the server has shut down:
    /// if !drain.flush(Duration::from_secs(5)).await {
    ///     eprintln!("{} answers are not read to their end", drain.stats().active);
    /// }
    /// let report = callbacks.flush(Duration::from_secs(5)).await;
    /// # assert!(report.is_complete());
    /// # }
    /// ```
    DrainLayer, Drain, Limits::BODIES,
    /// Sets how many bytes of an answer's data are drained: 64 MiB by default.
    max_bytes
}

drain_layer! {
    /// Reads the streams of a service to their end when their consumer has gone, within [limits](super#limits).
    ///
    /// Wraps a service whose response is a stream of results. Goes outside of a [`CallbackLayer`](crate::CallbackLayer), whose run then has the [whole usage](super#what-is-reported). The items of a stream pass unchanged while its consumer is
    /// there. An error is the end of what is drained.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower::ServiceBuilder;
    /// use tower_llm_callbacks::{CallbackLayer, Callbacks, drain::StreamDrainLayer};
    /// # use tower::{BoxError, service_fn};
    /// # use tower_llm_callbacks::chat::{ChatChunk, ChatRequest};
    /// # let model = service_fn(|_: ChatRequest| async {
    /// #     Ok::<_, BoxError>(futures::stream::empty::<Result<ChatChunk, BoxError>>())
    /// # });
    ///
    /// let model = ServiceBuilder::new()
    ///     .layer(StreamDrainLayer::new().max_time(Duration::from_secs(60)))
    ///     .layer(CallbackLayer::new(Callbacks::new()))
    ///     .service(model);
    /// ```
    StreamDrainLayer, StreamDrain, Limits::STREAMS,
    /// Sets how many items of an answer are drained: a million by default.
    max_items
}
