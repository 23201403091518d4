//! Handlers in a process of their own: reads what publishers, such as the gateway example with `--nats`, tell of
//! their calls, and tells handlers here. Those are yours to choose; this one writes lines of JSON.
//!
//! ```sh
//! nats-server --jetstream &
//! cargo run --example gateway --features nats -- --nats nats://127.0.0.1:4222
//! cargo run --example nats_worker --features nats -- --url nats://127.0.0.1:4222 --events -
//! ```

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use tower::BoxError;
use tower_llm_callbacks::{
    Callbacks,
    handlers::JsonLines,
    nats::{StreamConfig, Worker, WorkerConfig},
};

/// Tells handlers of calls that are made elsewhere.
#[derive(Debug, Parser)]
#[command(name = "nats_worker", version)]
struct Args {
    /// The NATS server
    #[arg(long, value_name = "URL", default_value = "nats://127.0.0.1:4222")]
    url: String,

    /// Which of the workers this is, from 0
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    worker: u32,

    /// How many workers there are
    #[arg(long, value_name = "WORKERS", default_value_t = 1)]
    of: u32,

    /// Workers of another group hear of everything too
    #[arg(long, default_value = "workers")]
    group: String,

    /// Write every event as a line of JSON to this file, or to standard output: -
    #[arg(long, value_name = "FILE", default_value = "-")]
    events: PathBuf,

    /// Runs of which nothing comes for so long are ended
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    run_timeout: u64,
}

async fn asked_to_stop() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            interrupted = tokio::signal::ctrl_c() => interrupted,
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nats_worker: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), BoxError> {
    if args.worker >= args.of {
        return Err(
            format!("--worker {} of --of {}: they count from 0", args.worker, args.of).into()
        );
    }
    let lines = if args.events.as_os_str() == "-" {
        JsonLines::stdout()
    } else {
        JsonLines::open(&args.events)?
    };
    let callbacks = Callbacks::new().on_fault(|fault| eprintln!("{fault}")).blocking(lines);

    let config = WorkerConfig::new(StreamConfig::new(&args.url))
        .group(args.group)
        .share(args.worker, args.of)
        .run_timeout(Duration::from_secs(args.run_timeout));
    let mut worker = Worker::connect(config, callbacks.clone()).await?;
    eprintln!("reading");

    tokio::select! {
        stop = asked_to_stop() => stop?,
        error = worker.taken_over() => return Err(error.into()),
    }
    let stopped = worker.stop().await;
    let _ = callbacks.flush(Duration::from_secs(10)).await;
    Ok(stopped?)
}
