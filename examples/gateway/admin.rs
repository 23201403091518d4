use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;

use crate::{gateway::Gateway, watchers::Shown};

/// Returns what the admin listener serves: the live page, and for programs `/metrics`, `/usage`, `/healthz` and `/readyz`.
pub(crate) fn router(gateway: &Arc<Gateway>, shown: Shown, address: SocketAddr) -> Router {
    let Shown { page, prometheus, usage } = shown;
    page.watch(gateway.layer(), gateway.uploads());
    prometheus.start_upkeep();
    let [metrics, budgets, ready] = std::array::from_fn(|_| Arc::clone(gateway));
    let usage = Router::new().route(
        "/usage",
        get(async move || {
            let budgets = budgets.state().budgets.reports();
            Json(json!({ "usage": usage.snapshot(), "budgets": budgets }))
        }),
    );
    page.router(address, usage)
        .route("/metrics", get(async move || prometheus.render(&metrics)))
        .route("/healthz", get(async || "ok\n"))
        .route(
            "/readyz",
            get(async move || {
                // It looks for files, which may take long.
                let ready = tokio::task::spawn_blocking(move || readiness(&ready)).await;
                ready.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
            }),
        )
}

/// Returns 200 if the gateway can take calls, else 503, and why.
fn readiness(gateway: &Gateway) -> Response {
    let upstreams = gateway.stack().upstreams();
    let is_stopping = gateway.is_stopping();
    let state = gateway.state();
    let (sinks, problem) = (state.sinks(), state.problem.clone());
    let is_ready = !is_stopping && !sinks.iter().any(|sink| sink.failing);
    let state = json!({
        "ready": is_ready,
        "upstreams": upstreams.map_or(json!("simulated"), |upstreams| json!(upstreams)),
        "shutting_down": is_stopping,
        "sinks": sinks,
        // A file that could not be read again does not make the gateway unready: the one before goes on.
        "configuration": problem.unwrap_or_else(|| "valid".to_owned()),
    });
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(state)).into_response()
}
