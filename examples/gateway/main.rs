//! A reverse proxy for LLM APIs that tells what passes through it: axum, hyper and one layer.
//!
//! `cargo run --example gateway` answers with a simulated provider in the same process, so that it
//! works without a key and without a network; `--upstream https://api.anthropic.com` goes to a real
//! one, `--events events.jsonl` writes down every event, and `--admin 9090` shows the calls on a page.
//! Ten thousand streams at once are two file descriptors each: the soft limit is raised by itself, the
//! hard one is `ulimit -Hn`.

mod args;
mod client;
mod clients;
mod events;
mod hop_by_hop;
mod live;
mod metrics;
#[cfg(feature = "nats")]
mod nats;
mod open_files;
mod proxy;
mod server;
mod signals;
mod tasks;
mod upstream;
mod upstream_error;

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use tower::BoxError;

use crate::{args::Args, live::Live, metrics::Scraped, signals::Signals};

/// How long events may take to be written after the last stream has ended.
const FLUSH: Duration = Duration::from_secs(10);

async fn run(args: Args) -> Result<(), BoxError> {
    let signals = Signals::listen()?;
    let callbacks = events::callbacks(args.events.as_deref())?;
    #[cfg(feature = "nats")]
    let (callbacks, publisher) = nats::publish(callbacks, args.nats.as_deref());
    // Before there is anything to count.
    let scraped = args.admin.map(|_| Scraped::install()).transpose()?;
    let callbacks = if scraped.is_some() { Scraped::count(callbacks) } else { callbacks };
    let live = args.admin.is_some().then(Live::new);
    let callbacks = live.iter().fold(callbacks, |callbacks, live| callbacks.add(live.handler()));
    if let (Some(live), Some(file)) = (&live, &args.replay) {
        let done = live::replay(live, file).await;
        done.map_err(|error| format!("--replay {}: {error}", file.display()))?;
    }

    let app = match &args.upstream {
        Some(url) => proxy::to(url.parse()?),
        None => simulated::provider(Duration::from_millis(args.pace_ms)),
    };
    let app = if args.no_callbacks { app } else { events::observed(app, &callbacks, args.content) };

    let listener = server::listen(args.listen)?;
    println!("listening on http://{}", listener.local_addr()?);
    if let (Some(address), Some(scraped), Some(live)) = (args.admin, scraped, live) {
        let listener = server::listen_for_browsers(address)?;
        let address = listener.local_addr()?;
        println!("metrics on http://{address}/metrics");
        println!("live page on http://{address}/");
        let admin = live.router(address).merge(scraped.router(&callbacks));
        // It ends with the process: also while streams are let end, somebody may look.
        tokio::spawn(async move { axum::serve(listener, admin).await });
    }
    server::serve(listener, app, signals, Duration::from_secs(args.grace)).await;

    let flushed = callbacks.flush(FLUSH).await;
    if !flushed.is_complete() {
        eprintln!("events of {} runs were not written in time", flushed.undelivered.len());
    }
    #[cfg(feature = "nats")]
    nats::flush(publisher, FLUSH).await;
    Ok(())
}

fn main() -> ExitCode {
    let args = Args::parse();
    open_files::raise_limit();
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    let ended = runtime.block_on(run(args));
    // Not dropped: that waits for threads of handlers, and a pipe that nobody reads holds them.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gateway: {error}");
            ExitCode::FAILURE
        }
    }
}
