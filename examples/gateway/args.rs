use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use clap::builder::NonEmptyStringValueParser;
use tower_llm_callbacks::{
    ContentCapture,
    http_layer::{CallerRules, InvalidCallerRule},
};

use crate::routes::Route;

/// A reverse proxy for LLM APIs that reports every call it forwards
#[derive(Debug, clap::Parser)]
#[command(name = "gateway", version)]
pub(crate) struct Args {
    /// Address to listen on; port 0 selects a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,

    /// URL of the provider, such as https://api.openai.com [default: a simulated provider]
    // Parsed in `main`: clap would print an invalid URL, which may contain a password.
    #[arg(long, value_name = "URL")]
    pub(crate) upstream: Option<String>,

    /// Name of the upstream's provider in the events, such as openrouter [default: known by the upstream's host, or by paths]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) provider: Option<String>,

    /// Treat requests with this path as calls in this format, such as /llm/chat=chat_completions; one * in the path matches
    /// any text. May be repeated; the last matching one applies
    #[arg(long = "route", value_name = "PATH=FORMAT", value_parser = Route::parse)]
    pub(crate) routes: Vec<Route>,

    /// Record who calls: a preset (claude-code, codex, openrouter, litellm, helicone, langfuse, baggage), or a rule such as
    /// header:x-team=tenant, body:user=user_id or header:x-env=tag:env:. May be repeated
    #[arg(long = "caller", value_name = "PRESET|SOURCE:NAME=KEY", value_parser = caller)]
    pub(crate) callers: Vec<String>,

    /// Append every event as a line of JSON to this file, or write it to standard output (-). The live page shows the latest
    /// runs of the file
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,

    /// How much of prompts and answers to capture: all, nothing, or a number of bytes of each text
    #[arg(long, value_name = "full|off|BYTES", default_value = "full", value_parser = content)]
    pub(crate) content: ContentCapture,

    /// Also capture vectors, pictures, ranked documents and scores, as far as --content lets it
    #[arg(long)]
    pub(crate) capture_outputs: bool,

    /// Publish every event to a NATS server with JetStream, such as nats://127.0.0.1:4222
    #[arg(long, value_name = "URL")]
    pub(crate) nats: Option<String>,

    /// Serve a live page of the calls, and /metrics for Prometheus, on PORT (of 127.0.0.1) or IP:PORT.
    /// There is no login: every client that can connect can read prompts and answers
    #[arg(long, value_name = "ADDR", value_parser = admin)]
    pub(crate) admin: Option<SocketAddr>,

    /// Let users of the live page abort running calls (requires --admin)
    #[arg(long, requires = "admin")]
    pub(crate) admin_abort: bool,

    /// Load a file written by --events into the live page (requires --admin)
    #[arg(long, value_name = "FILE", requires = "admin")]
    pub(crate) replay: Option<PathBuf>,

    /// Run the same proxy without the callback layer, for comparison
    #[arg(long)]
    pub(crate) no_callbacks: bool,

    /// How long open streams may continue after SIGTERM or SIGINT
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) grace: u64,

    /// Read a provider's answer to its end for at most this long after its client has gone, to report what it used
    /// [default: the call is dropped at once]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) drain: Option<u64>,

    /// How long a client may be silent: before its request, within it, or between two requests of a connection
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) client_timeout: u64,

    /// Pause of the simulated provider before each token
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 20)]
    pub(crate) pace_ms: u64,
}

/// Checks a rule about callers.
fn caller(text: &str) -> Result<String, InvalidCallerRule> {
    CallerRules::new().parse(text).map(|_| text.to_owned())
}

fn content(text: &str) -> Result<ContentCapture, String> {
    match text {
        "full" => Ok(ContentCapture::Full),
        "off" => Ok(ContentCapture::Off),
        bytes => match bytes.parse() {
            Ok(bytes) => Ok(ContentCapture::Limited(bytes)),
            Err(_) => Err("expected `full`, `off` or a number of bytes".to_owned()),
        },
    }
}

/// Parses an address. A port alone is bound to loopback, since the page has no login.
fn admin(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let port = ["localhost:", ":"].iter().find_map(|host| text.strip_prefix(host));
    match port.unwrap_or(text).parse() {
        Ok(port) => Ok((Ipv4Addr::LOCALHOST, port).into()),
        Err(_) => {
            Err("expected a port or an address with a port, such as 127.0.0.1:9090".to_owned())
        }
    }
}
