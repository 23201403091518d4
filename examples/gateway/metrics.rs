use std::time::Duration;

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use metrics::{counter, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tower_llm_callbacks::{Registration, handlers::LlmMetrics, http_layer::UnobservedRequests};

use crate::gateway::Gateway;

/// Bucket boundaries in seconds.
const BUCKETS: [f64; 16] =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 300.0];

/// The metrics of calls and handlers, for Prometheus.
#[derive(Clone)]
pub(crate) struct Prometheus {
    handle: PrometheusHandle,
}

impl Prometheus {
    /// Installs the recorder of the process's metrics.
    pub(crate) fn install() -> Result<Self, BuildError> {
        let seconds = Matcher::Suffix("_seconds".to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &BUCKETS)?;
        let handle = builder.install_recorder()?;
        gauge!("gateway_configuration_valid").set(1.0);
        Ok(Self { handle })
    }

    /// Registers a handler that records the metrics of calls, by tenant if there are any.
    pub(crate) fn handler(&self, by_tenant: bool) -> Registration {
        let calls = LlmMetrics::builder();
        let calls = if by_tenant { calls.metadata("tenant") } else { calls };
        Registration::inline(calls.build()).name("metrics")
    }

    /// Starts the upkeep: histograms keep all samples until it runs, which would otherwise be when the metrics are scraped.
    pub(crate) fn start_upkeep(&self) {
        let handle = self.handle.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(5)).await;
                handle.run_upkeep();
            }
        });
    }

    /// Returns the response to `GET /metrics`.
    pub(crate) fn render(&self, gateway: &Gateway) -> Response {
        if let Some(handlers) = &gateway.state().metrics {
            handlers.sample();
        }
        let (stats, uploads) = (gateway.layer().stats(), gateway.uploads());
        gauge!("gateway_waiting_requests").set((stats.waiting_requests + uploads.waiting()) as f64);
        gauge!("gateway_kept_bytes").set((stats.kept_bytes + uploads.kept()) as f64);
        for UnobservedRequests { method, path, requests, .. } in &stats.unobserved {
            let labels = [("method", method.to_string()), ("path", path.to_string())];
            counter!("gateway_unobserved_requests_total", &labels).absolute(*requests);
        }
        let kind = (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
        ([kind], self.handle.render()).into_response()
    }
}
