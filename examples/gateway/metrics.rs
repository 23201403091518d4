use std::time::Duration;

use axum::{Router, http::header, response::IntoResponse, routing::get};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tower_llm_callbacks::{
    Callbacks, Registration,
    handlers::{HandlerMetrics, LlmMetrics},
};

/// Seconds, in steps of two.
const BUCKETS: [f64; 16] =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 300.0];

/// The metrics of the calls and of those who are told of them, for Prometheus.
pub(crate) struct Scraped {
    handle: PrometheusHandle,
}

impl Scraped {
    /// The process's metrics from here on.
    pub(crate) fn install() -> Result<Self, BuildError> {
        let seconds = Matcher::Suffix("_seconds".to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &BUCKETS)?;
        Ok(Self { handle: builder.install_recorder()? })
    }

    /// The handlers, with one that counts.
    pub(crate) fn count(callbacks: Callbacks) -> Callbacks {
        callbacks.add(Registration::inline(LlmMetrics::new()).name("metrics"))
    }

    /// `GET /metrics`.
    pub(crate) fn router(self, callbacks: &Callbacks) -> Router {
        let handlers = HandlerMetrics::new(callbacks);
        let handle = self.handle.clone();
        // What histograms have been told is put together now and then, whether or not anybody asks.
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(5)).await;
                handle.run_upkeep();
            }
        });
        Router::new().route(
            "/metrics",
            get(async move || {
                handlers.sample();
                let kind = (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
                ([kind], self.handle.render()).into_response()
            }),
        )
    }
}
