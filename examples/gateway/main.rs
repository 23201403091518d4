//! A reverse proxy for LLM APIs that reports every call it forwards: axum, hyper and one layer.
//!
//! `cargo run --example gateway` answers with a simulated provider in the same process, so it needs neither a key nor a
//! network. `--upstream https://api.anthropic.com` forwards to a real provider, `--events events.jsonl` writes every
//! event to a file, and `--admin 9090` shows the calls on a live page.

mod args;
mod client;
mod clients;
mod events;
mod gathered;
mod hop_by_hop;
mod live;
mod location;
mod metrics;
#[cfg(feature = "nats")]
mod nats;
mod proxy;
mod refuse;
mod reused;
mod routes;
mod server;
mod signals;
mod tasks;
mod upload;
mod upstream;
mod upstream_error;

use std::{process::ExitCode, time::Duration};

use axum::middleware;
use clap::Parser;
use tower::BoxError;
use tower_http::timeout::RequestBodyTimeoutLayer;
use tower_llm_callbacks::drain::DrainLayer;

use crate::{
    args::Args, live::LivePage, metrics::Prometheus, signals::Signals, upstream::Upstream,
};

/// How long handlers may take to process their remaining events after the last stream has ended.
const FLUSH: Duration = Duration::from_secs(10);

async fn run(args: Args) -> Result<(), BoxError> {
    let mut signals = Signals::listen()?;
    let callbacks = events::callbacks(args.events.as_deref())?;
    #[cfg(not(feature = "nats"))]
    if args.nats.is_some() {
        return Err(
            "--nats: this gateway was built without NATS; run it with `--features nats`".into()
        );
    }
    #[cfg(feature = "nats")]
    let (callbacks, publisher) = nats::publish(callbacks, args.nats.as_deref());
    // Installed before anything is recorded.
    let prometheus = args.admin.map(|_| Prometheus::install()).transpose()?;
    let page = args.admin.map(|_| LivePage::new().allow_aborts(args.admin_abort));
    let callbacks = page.iter().fold(callbacks, |callbacks, page| callbacks.add(page.handler()));
    // Last, so that it counts the faults of all handlers.
    let (callbacks, handlers) = match prometheus {
        Some(_) => {
            let (callbacks, handlers) = Prometheus::observe(callbacks);
            (callbacks, Some(handlers))
        }
        None => (callbacks, None),
    };
    // Before the first call writes to it.
    if let (Some(page), Some(file)) = (&page, &args.events) {
        let read = live::history(page, file).await;
        read.map_err(|error| format!("--events {}: {error}", file.display()))?;
    }
    if let (Some(page), Some(file)) = (&page, &args.replay) {
        let replayed = live::replay(page, file).await;
        replayed.map_err(|error| format!("--replay {}: {error}", file.display()))?;
    }

    let upstream: Option<Upstream> = args.upstream.as_deref().map(str::parse).transpose()?;
    let layer = events::layer(&callbacks, &args, upstream.as_ref());
    let app = match upstream {
        Some(upstream) => proxy::to(upstream),
        None => simulated::provider(Duration::from_millis(args.pace_ms)),
    };
    let app = app.layer(middleware::from_fn(refuse::sockets_and_tunnels));
    let app = if args.no_callbacks { app } else { app.layer(layer.clone()) };
    // Outside of the callbacks: their runs go on when a client has gone.
    let drain = args.drain.map(|seconds| DrainLayer::new().max_time(Duration::from_secs(seconds)));
    let app = match &drain {
        Some(drain) => app.layer(drain.clone()),
        None => app,
    };
    let silence = Duration::from_secs(args.client_timeout);
    let app = app.layer(RequestBodyTimeoutLayer::new(silence));

    let listener = server::listen(args.listen)?;
    println!("listening on http://{}", listener.local_addr()?);
    if let (Some(address), Some(prometheus), Some(handlers), Some(page)) =
        (args.admin, prometheus, handlers, page)
    {
        let listener = server::listen_for_browsers(address)?;
        let address = listener.local_addr()?;
        println!("metrics on http://{address}/metrics");
        println!("live page on http://{address}/");
        page.watch(&layer);
        let admin = page.router(address).merge(prometheus.router(handlers, layer));
        // Runs until the process ends, so that the page shows the streams that end during the grace period.
        tokio::spawn(async move { axum::serve(listener, admin).await });
    }
    let grace = Duration::from_secs(args.grace);
    server::serve(listener, app, &mut signals, silence, grace).await;

    if let Some(drain) = drain {
        let drained = tokio::select! {
            drained = drain.flush(grace) => drained,
            () = signals.next() => false,
        };
        if !drained {
            eprintln!("{} answers were not read to their end", drain.stats().active);
        }
    }
    let flushed = callbacks.flush(FLUSH).await;
    if !flushed.is_complete() {
        eprintln!("events of {} runs were not delivered in time", flushed.undelivered.len());
    }
    #[cfg(feature = "nats")]
    nats::flush(publisher, FLUSH).await;
    Ok(())
}

fn main() -> ExitCode {
    let args = Args::parse();
    server::raise_open_file_limit();
    let runtime = tokio::runtime::Runtime::new().expect("failed to start the runtime");
    let result = runtime.block_on(run(args));
    // Dropping the runtime would wait for blocking tasks, which may be stuck on a pipe without a reader.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gateway: {error}");
            ExitCode::FAILURE
        }
    }
}
