//! Serves the gateway example's simulated provider in this process, for examples that run without a key.

use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;

#[path = "../gateway/simulated/mod.rs"]
mod simulated;

/// Starts the provider on a free loopback port and returns its URL. It stops with the runtime.
pub(crate) async fn serve() -> std::io::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    let provider = simulated::provider(Duration::from_millis(5));
    tokio::spawn(async move { axum::serve(listener, provider).await });
    Ok(url)
}
