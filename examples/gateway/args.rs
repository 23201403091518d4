use std::{net::SocketAddr, path::PathBuf};

/// A reverse proxy for LLM APIs that tells what passes through it.
#[derive(Debug, clap::Parser)]
#[command(name = "gateway", version)]
pub(crate) struct Args {
    /// Where to listen; port 0 is any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,

    /// The provider, as https://api.openai.com; without it a simulated one answers
    // Read in main: a mistake would be printed with the whole URL, and there may be a password in it.
    #[arg(long, value_name = "URL")]
    pub(crate) upstream: Option<String>,

    /// Write every event as a line of JSON to this file, or to standard output: -
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,

    /// Publish every event to a NATS server with JetStream, as nats://127.0.0.1:4222
    #[arg(long, value_name = "URL")]
    pub(crate) nats: Option<String>,

    /// Serve /metrics, for Prometheus, at another address; port 0 is any free one
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin: Option<SocketAddr>,

    /// The same proxy without the callback layer
    #[arg(long)]
    pub(crate) no_callbacks: bool,

    /// How long running streams may go on after SIGTERM or SIGINT
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) grace: u64,

    /// The simulated provider's time between two tokens
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 20)]
    pub(crate) pace_ms: u64,
}
