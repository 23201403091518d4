use std::time::Duration;

use axum::{Router, http::header, response::IntoResponse, routing::get};
use metrics::{counter, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tower_llm_callbacks::{
    Callbacks, HttpCallbackLayer, Registration,
    handlers::{HandlerMetrics, LlmMetrics},
    http_layer::UnobservedRequests,
};

/// Bucket boundaries in seconds.
const BUCKETS: [f64; 16] =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 300.0];

/// The metrics of calls and handlers, for Prometheus.
pub(crate) struct Prometheus {
    handle: PrometheusHandle,
}

impl Prometheus {
    /// Installs the recorder of the process's metrics.
    pub(crate) fn install() -> Result<Self, BuildError> {
        let seconds = Matcher::Suffix("_seconds".to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &BUCKETS)?;
        Ok(Self { handle: builder.install_recorder()? })
    }

    /// Adds a handler that records the metrics of calls, and returns the metrics of all handlers of the set.
    pub(crate) fn observe(callbacks: Callbacks) -> (Callbacks, HandlerMetrics) {
        let metrics = Registration::inline(LlmMetrics::new()).name("metrics");
        HandlerMetrics::observe(callbacks.add(metrics))
    }

    /// Returns the router of `GET /metrics`.
    pub(crate) fn router(self, handlers: HandlerMetrics, layer: HttpCallbackLayer) -> Router {
        let handle = self.handle.clone();
        // Histograms keep all samples until upkeep, which would otherwise run only when the metrics are scraped.
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
                let stats = layer.stats();
                gauge!("gateway_waiting_requests").set(stats.waiting_requests as f64);
                gauge!("gateway_kept_bytes").set(stats.kept_bytes as f64);
                for UnobservedRequests { method, path, requests, .. } in &stats.unobserved {
                    let labels = [("method", method.to_string()), ("path", path.to_string())];
                    counter!("gateway_unobserved_requests_total", &labels).absolute(*requests);
                }
                let kind = (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
                ([kind], self.handle.render()).into_response()
            }),
        )
    }
}
