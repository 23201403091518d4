use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use axum::http::StatusCode;

/// The only joke it knows, over and over again.
const JOKE: [&str; 24] = [
    "Here", "'s", " a", " little", " joke", " for", " you", ":", "\n\nWhy", " can", "'t", " a",
    " bicycle", " stand", " up", " by", " itself", "?", " Because", " it", "'s", " two", "-",
    "tire",
];

/// The arguments of its tool calls, as they are streamed.
pub(crate) const ARGUMENTS: [&str; 2] = ["{\"city\":", "\"Paris\"}"];

/// What its errors say.
pub(crate) const COMPLAINT: &str = "The simulated model was asked to fail";

/// How an answer goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Status(StatusCode),
    Midstream,
    Truncated,
}

/// What the model has decided to say.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) id: u64,
    pub(crate) model: String,
    pub(crate) tokens: usize,
    /// Whether the limit on tokens ended it.
    pub(crate) is_cut: bool,
    /// The tool it calls after its text.
    pub(crate) tool: Option<String>,
    pub(crate) input_tokens: u64,
    pub(crate) fault: Option<Fault>,
    pub(crate) pause: Duration,
}

impl Answer {
    pub(crate) fn new(model: &str, prompt: &[u8], limit: Option<u64>, pace: Duration) -> Self {
        static ANSWERS: AtomicU64 = AtomicU64::new(1);
        let wanted = model.strip_prefix("tokens-").and_then(|n| n.parse().ok());
        let tokens = wanted.unwrap_or(JOKE.len());
        let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        Self {
            id: ANSWERS.fetch_add(1, Ordering::Relaxed),
            model: model.to_owned(),
            tokens: tokens.min(limit),
            is_cut: tokens > limit,
            tool: None,
            input_tokens: 1 + prompt.len() as u64 / 4,
            fault: fault(model),
            pause: if model == "slow" { Duration::from_millis(500) } else { pace },
        }
    }

    pub(crate) fn calling(mut self, tool: Option<&str>) -> Self {
        self.tool = tool.map(str::to_owned).filter(|_| !self.is_cut);
        self
    }

    pub(crate) fn output_tokens(&self) -> u64 {
        self.tokens as u64 + if self.tool.is_some() { 12 } else { 0 }
    }

    pub(crate) fn total_tokens(&self) -> u64 {
        self.input_tokens + self.output_tokens()
    }

    /// Its tokens, one by one.
    pub(crate) fn words(&self) -> impl Iterator<Item = &'static str> + Send + use<> {
        JOKE.into_iter().cycle().take(self.tokens)
    }

    pub(crate) fn text(&self) -> String {
        self.words().collect()
    }

    /// The status it was asked to fail with. An error in the stream needs a stream.
    pub(crate) fn error_status(&self, is_stream: bool) -> Option<StatusCode> {
        match self.fault? {
            Fault::Status(status) => Some(status),
            Fault::Midstream if !is_stream => Some(StatusCode::INTERNAL_SERVER_ERROR),
            Fault::Midstream | Fault::Truncated => None,
        }
    }
}

fn fault(model: &str) -> Option<Fault> {
    match model {
        "error-midstream" => Some(Fault::Midstream),
        "truncate" => Some(Fault::Truncated),
        _ => {
            let status = model.strip_prefix("error-")?.parse().ok()?;
            let status = StatusCode::from_u16(status).ok()?;
            (status.is_client_error() || status.is_server_error()).then_some(Fault::Status(status))
        }
    }
}
