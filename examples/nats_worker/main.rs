//! Handlers in a process of their own: reads the events that publishers, such as the gateway example with `--nats`,
//! publish to NATS, and delivers them to handlers. This one writes JSON Lines; replace it by your own.
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

/// Delivers events that other processes publish to NATS to handlers in this process.
#[derive(Debug, Parser)]
#[command(name = "nats_worker", version)]
struct Args {
    /// URL of the NATS server
    #[arg(long, value_name = "URL", default_value = "nats://127.0.0.1:4222")]
    url: String,

    /// Index of this worker, from 0
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    worker: u32,

    /// Number of workers that share the runs
    #[arg(long, value_name = "WORKERS", default_value_t = 1)]
    of: u32,

    /// Name of the group of workers; each group receives all events
    #[arg(long, default_value = "workers")]
    group: String,

    /// Append every event to this file as a line of JSON, or write it to standard output (-)
    #[arg(long, value_name = "FILE", default_value = "-")]
    events: PathBuf,

    /// End runs that receive no event for this long
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    run_timeout: u64,
}

async fn stop_signal() -> std::io::Result<()> {
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
        let highest = args.of.saturating_sub(1);
        return Err(format!("--worker {}: must be between 0 and {highest}", args.worker).into());
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
    eprintln!("connected");

    tokio::select! {
        stop = stop_signal() => stop?,
        error = worker.taken_over() => return Err(error.into()),
    }
    let stopped = worker.stop().await;
    let _ = callbacks.flush(Duration::from_secs(10)).await;
    Ok(stopped?)
}
