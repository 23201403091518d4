use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use tower_llm_callbacks::ContentCapture;

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

    /// How much of prompts and answers is told: full, off, or so many bytes of each text
    #[arg(long, value_name = "full|off|BYTES", default_value = "full", value_parser = content)]
    pub(crate) content: ContentCapture,

    /// Publish every event to a NATS server with JetStream, as nats://127.0.0.1:4222
    #[cfg(feature = "nats")]
    #[arg(long, value_name = "URL")]
    pub(crate) nats: Option<String>,

    /// Serve a live page of the calls, and /metrics for Prometheus, at another address: a port, or
    /// HOST:PORT. Without a host it is 127.0.0.1; whoever reaches it reads prompts and answers
    #[arg(long, value_name = "ADDR", value_parser = admin)]
    pub(crate) admin: Option<SocketAddr>,

    /// Show the runs of a file that --events wrote on the live page
    #[arg(long, value_name = "FILE", requires = "admin")]
    pub(crate) replay: Option<PathBuf>,

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

fn content(text: &str) -> Result<ContentCapture, String> {
    match text {
        "full" => Ok(ContentCapture::Full),
        "off" => Ok(ContentCapture::Off),
        bytes => match bytes.parse() {
            Ok(bytes) => Ok(ContentCapture::Limited(bytes)),
            Err(_) => Err("full, off, or a number of bytes".to_owned()),
        },
    }
}

/// A port alone is one of loopback: what is served there is nobody else's business.
fn admin(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let port = ["localhost:", ":"].iter().find_map(|host| text.strip_prefix(host));
    match port.unwrap_or(text).parse() {
        Ok(port) => Ok((Ipv4Addr::LOCALHOST, port).into()),
        Err(_) => Err("a port, or an address and a port, as 127.0.0.1:9090".to_owned()),
    }
}
