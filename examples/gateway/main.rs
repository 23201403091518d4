//! A reverse proxy for LLM APIs that reports every call it forwards: axum, hyper and one layer.
//!
//! `cargo run --example gateway` answers with a simulated provider in the same process, so it needs neither a key nor a
//! network. `--upstream https://api.anthropic.com` forwards to a real provider, `--events events.jsonl` writes every
//! event to a file, `--admin 9090` shows the calls on a live page, and `--config gateway.toml` reads all that from a file.

mod admin;
mod applied;
mod body_limits;
mod budgets;
mod client;
mod clients;
mod config;
mod cut;
mod gateway;
mod gathered;
mod hop_by_hop;
mod live;
mod location;
mod metrics;
mod models;
mod no_prices;
mod observe;
mod provider_key;
mod proxy;
mod query_key;
mod refuse;
mod reused;
mod routes;
mod server;
mod signals;
mod sinks;
mod stack;
mod state;
mod targets;
mod tasks;
mod tenants;
mod unrouted;
mod upload;
mod uploads;
mod upstream;
mod upstream_error;
mod watchers;

use std::{process::ExitCode, sync::Arc, time::Duration};

use axum::middleware;
use tower::BoxError;
use tower_http::timeout::RequestBodyTimeoutLayer;
use tower_llm_callbacks::drain::DrainLayer;

use crate::{config::Loaded, cut::Cut, gateway::Gateway, signals::Signals, watchers::Watchers};

/// How long handlers may take to process their remaining events after the last stream has ended.
const FLUSH: Duration = Duration::from_secs(10);

/// A reload that takes longer is reported. Meanwhile the settings before apply.
const SLOW: Duration = Duration::from_secs(5);

/// How long it may take to drop the answers that are read without their clients.
const DROP: Duration = Duration::from_secs(5);

async fn run(loaded: Loaded) -> Result<(), BoxError> {
    let (mut signals, mut hangups) = (Signals::listen()?, signals::hangups()?);
    let settings = loaded.settings.clone();
    let watchers = Watchers::new(&settings)?;
    let shown = watchers.shown();
    let starting = async {
        // Before the first call writes to the file.
        if let Some(shown) = &shown {
            live::history_of(&shown.page, &settings).await?;
        }
        tokio::task::spawn_blocking(|| Gateway::start(loaded, watchers)).await?
    };
    let gateway = tokio::select! {
        gateway = starting => Arc::new(gateway?),
        // A file that does not open, such as a pipe without a reader, is no reason to go on.
        () = signals.next() => return Ok(()),
    };

    // Outside of the callbacks: their runs go on when a client has gone.
    let drain = settings.drain.map(|seconds| DrainLayer::new().max_time(seconds.0));
    let (cut, cuttable) = Cut::new();
    let cuttable = middleware::from_fn(move |request, next| cuttable.clone().serve(request, next));
    let app = match &drain {
        Some(drain) => gateway.router().layer(cuttable).layer(drain.clone()),
        None => gateway.router(),
    };
    let silence = settings.client_timeout();
    let app = app.layer(RequestBodyTimeoutLayer::new(silence));

    let listener = server::listen(settings.listen())?;
    println!("listening on http://{}", listener.local_addr()?);
    if let (Some(address), Some(shown)) = (settings.admin, shown) {
        let listener = server::listen_for_browsers(address.0)?;
        let address = listener.local_addr()?;
        println!("metrics on http://{address}/metrics");
        println!("live page on http://{address}/");
        let admin = admin::router(&gateway, shown, address);
        // Runs until the process ends, so that the page shows the streams that end during the grace period.
        tokio::spawn(async move { axum::serve(listener, admin).await });
    }
    let reloaded = Arc::clone(&gateway);
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            let gateway = Arc::clone(&reloaded);
            let mut reload = tokio::task::spawn_blocking(move || gateway.reload());
            if tokio::time::timeout(SLOW, &mut reload).await.is_err() {
                eprintln!(
                    "the configuration is still being read: is there a file that does not open?"
                );
                let _ = reload.await;
            }
        }
    });
    let limits = server::Limits {
        silence,
        grace: settings.grace(),
        connections: settings.limits.connections,
    };
    server::serve(listener, app, &mut signals, &limits, || gateway.stop()).await;

    if let Some(drain) = drain {
        let drained = tokio::select! {
            drained = drain.flush(settings.grace()) => drained,
            () = signals.next() => false,
        };
        if !drained {
            eprintln!("{} answers were not read to their end", drain.stats().active);
            cut.cut();
            drain.flush(DROP).await;
        }
    }
    let flushed = gateway.flush(FLUSH).await;
    if !flushed.is_complete() {
        eprintln!("events of {} runs were not delivered in time", flushed.undelivered.len());
    }
    Ok(())
}

fn main() -> ExitCode {
    let loaded = match Loaded::from_command_line() {
        Ok(loaded) if loaded.settings.check => {
            println!("the configuration is valid");
            return ExitCode::SUCCESS;
        }
        Ok(loaded) => loaded,
        Err(message) => return failed(&message),
    };
    server::raise_open_file_limit();
    let runtime = tokio::runtime::Runtime::new().expect("failed to start the runtime");
    let result = runtime.block_on(run(loaded));
    // Dropping the runtime would wait for blocking tasks, which may be stuck on a pipe without a reader.
    runtime.shutdown_background();
    result.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS)
}

fn failed(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("gateway: {error}");
    ExitCode::FAILURE
}
