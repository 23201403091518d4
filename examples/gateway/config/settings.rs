use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::builder::NonEmptyStringValueParser;
use serde::Deserialize;
use tower_llm_callbacks::handlers::Prices;

use super::{
    BudgetSettings, Problem, SinkSettings, Texts,
    limits::LimitsSettings,
    prices::PricesSettings,
    tenant::TenantSettings,
    upstream::UpstreamSettings,
    values::{Address, Caller, Content, Seconds},
};
use crate::routes::Route;

/// A reverse proxy for LLM APIs that reports every call it forwards
#[derive(Debug, Clone, Default, clap::Parser, Deserialize)]
#[command(name = "gateway", version)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// File of settings, as TOML: the options below by their names with underscores, and tables for upstreams, tenants,
    /// budgets, prices, sinks and limits. Options precede it. SIGHUP has it read again
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub(crate) config: Option<PathBuf>,

    /// Check the settings and exit, with status 1 if something is wrong
    #[arg(long)]
    #[serde(skip)]
    pub(crate) check: bool,

    /// Address to listen on, as PORT (of 127.0.0.1) or IP:PORT; port 0 selects a free port [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<Address>,

    /// URL of the provider, such as https://api.openai.com [default: a simulated provider]
    // Checked later: clap would print an invalid URL, which may contain a password.
    #[arg(long, value_name = "URL")]
    pub(crate) upstream: Option<String>,

    /// Name of the upstream's provider in the events, such as openrouter [default: known by the upstream's host, or by paths]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) provider: Option<String>,

    /// Treat requests with this path as calls in this format, such as /llm/chat=chat_completions; one * in the path matches
    /// any text. May be repeated; the last matching one applies
    #[arg(long = "route", value_name = "PATH=FORMAT")]
    pub(crate) routes: Vec<Route>,

    /// Record who calls: a preset (claude-code, codex, openrouter, litellm, helicone, langfuse, baggage), or a rule such as
    /// header:x-team=tenant, body:user=user_id or header:x-env=tag:env:. May be repeated
    #[arg(long = "caller", value_name = "PRESET|SOURCE:NAME=KEY")]
    pub(crate) callers: Vec<Caller>,

    /// Append every event as a line of JSON to this file, or write it to standard output (-). The live page shows the latest
    /// runs of the file
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,

    /// How much of prompts and answers to capture: all, nothing, or a number of bytes of each text [default: full]
    #[arg(long, value_name = "full|off|BYTES")]
    pub(crate) content: Option<Content>,

    /// Also capture vectors, pictures, ranked documents and scores, as far as the content level lets it
    #[arg(long)]
    pub(crate) capture_outputs: bool,

    /// Publish every event to a NATS server with JetStream, such as nats://127.0.0.1:4222
    #[arg(long, value_name = "URL")]
    pub(crate) nats: Option<String>,

    /// Serve a live page of the calls, /metrics for Prometheus, /usage, /healthz and /readyz, on PORT (of 127.0.0.1) or
    /// IP:PORT. There is no login: every client that can connect can read prompts and answers
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin: Option<Address>,

    /// Let users of the live page abort running calls (requires --admin)
    #[arg(long)]
    pub(crate) admin_abort: bool,

    /// Load a file written by --events into the live page (requires --admin)
    #[arg(long, value_name = "FILE")]
    pub(crate) replay: Option<PathBuf>,

    /// Run the same proxy without the callback layer, for comparison
    #[arg(long)]
    pub(crate) no_callbacks: bool,

    /// How long open streams may continue after SIGTERM or SIGINT [default: 30]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) grace: Option<Seconds>,

    /// Read a provider's answer to its end for at most this long after its client has gone, to report what it used
    /// [default: the call is dropped at once]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) drain: Option<Seconds>,

    /// How long a client may be silent: before its request, within it, or between two requests of a connection [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) client_timeout: Option<Seconds>,

    /// Pause of the simulated provider before each token [default: 20]
    #[arg(long, value_name = "MILLISECONDS")]
    pub(crate) pace_ms: Option<u64>,

    /// What is covered in the live page.
    #[arg(skip)]
    pub(crate) mask: Texts,
    #[arg(skip)]
    pub(crate) upstreams: Vec<UpstreamSettings>,
    #[arg(skip)]
    pub(crate) tenants: Vec<TenantSettings>,
    /// The budget of each tenant that has no other; without tenants, of all calls together.
    #[arg(skip)]
    pub(crate) budget: Option<BudgetSettings>,
    #[arg(skip)]
    prices: Option<PricesSettings>,
    #[arg(skip)]
    pub(crate) sinks: Vec<SinkSettings>,
    #[arg(skip)]
    pub(crate) limits: LimitsSettings,
}

impl Settings {
    /// Reads the prices, if there are any.
    pub(crate) fn read_prices(&self) -> Result<Option<Prices>, Problem> {
        self.prices.as_ref().map(PricesSettings::read).transpose()
    }

    pub(crate) fn listen(&self) -> SocketAddr {
        self.listen.map_or_else(|| ([127, 0, 0, 1], 8080).into(), |address| address.0)
    }

    pub(crate) fn grace(&self) -> Duration {
        self.grace.map_or(Duration::from_secs(30), |grace| grace.0)
    }

    pub(crate) fn client_timeout(&self) -> Duration {
        self.client_timeout.map_or(Duration::from_secs(60), |timeout| timeout.0)
    }

    pub(crate) fn pace(&self) -> Duration {
        Duration::from_millis(self.pace_ms.unwrap_or(20))
    }

    /// Returns all sinks, with those of the options, by their keys.
    pub(crate) fn all_sinks(&self) -> impl Iterator<Item = (String, SinkSettings)> {
        let events =
            self.events.clone().map(|file| ("events".to_owned(), SinkSettings::jsonl(file)));
        let nats = self.nats.clone().map(|url| ("nats".to_owned(), SinkSettings::nats(url)));
        let sinks = self.sinks.iter().cloned().enumerate();
        let sinks = sinks.map(|(at, sink)| (format!("sinks[{at}]"), sink));
        events.into_iter().chain(nats).chain(sinks)
    }

    /// Returns the keys that differ from other settings and apply only at the start of the process.
    pub(crate) fn restart_keys_that_differ(&self, other: &Self) -> Vec<&'static str> {
        let differs = [
            ("listen", self.listen != other.listen),
            ("admin", self.admin != other.admin),
            ("admin_abort", self.admin_abort != other.admin_abort),
            ("mask", self.mask != other.mask),
            ("grace", self.grace != other.grace),
            ("drain", self.drain != other.drain),
            ("client_timeout", self.client_timeout != other.client_timeout),
            ("limits.connections", self.limits.connections != other.limits.connections),
            ("limits.kept_bytes", self.limits.kept_bytes != other.limits.kept_bytes),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }
}
