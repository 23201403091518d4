use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use axum::http::StatusCode;

/// The text of every reply, repeated in long ones.
const JOKE: [&str; 24] = [
    "Here", "'s", " a", " little", " joke", " for", " you", ":", "\n\nWhy", " can", "'t", " a",
    " bicycle", " stand", " up", " by", " itself", "?", " Because", " it", "'s", " two", "-",
    "tire",
];

/// The arguments of tool calls, as they are streamed.
pub(crate) const ARGUMENTS: [&str; 2] = ["{\"city\":", "\"Paris\"}"];

/// The message of errors.
pub(crate) const ERROR_MESSAGE: &str = "The simulated model was asked to fail";

/// A simulated failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Status(StatusCode),
    Midstream,
    Truncated,
}

/// The model's reply to a request, in no particular format.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) id: u64,
    pub(crate) model: String,
    pub(crate) tokens: usize,
    /// Whether the limit on tokens ended the reply.
    pub(crate) is_cut: bool,
    /// Whether reasoning comes before the text.
    pub(crate) thinks: bool,
    /// The tool to call after the text.
    pub(crate) tool: Option<String>,
    pub(crate) input_tokens: u64,
    pub(crate) fault: Option<Fault>,
    pub(crate) pause: Duration,
}

impl Reply {
    pub(crate) fn new(model: &str, prompt: &[u8], limit: Option<u64>, pace: Duration) -> Self {
        static REPLIES: AtomicU64 = AtomicU64::new(1);
        let tokens = model.strip_prefix("tokens-").and_then(|n| n.parse().ok());
        let tokens = tokens.unwrap_or(JOKE.len());
        let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        Self {
            id: REPLIES.fetch_add(1, Ordering::Relaxed),
            model: model.to_owned(),
            tokens: tokens.min(limit),
            is_cut: tokens > limit,
            thinks: false,
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

    pub(crate) fn thinking(mut self, thinks: bool) -> Self {
        self.thinks = thinks;
        self
    }

    pub(crate) fn output_tokens(&self) -> u64 {
        self.tokens as u64 + if self.tool.is_some() { 12 } else { 0 }
    }

    pub(crate) fn total_tokens(&self) -> u64 {
        self.input_tokens + self.output_tokens()
    }

    /// Returns the tokens of the text.
    pub(crate) fn text_tokens(&self) -> impl Iterator<Item = &'static str> + Send + use<> {
        JOKE.into_iter().cycle().take(self.tokens)
    }

    pub(crate) fn text(&self) -> String {
        self.text_tokens().collect()
    }

    /// Returns the status of an error response, if the reply is one. Errors within a stream require a stream.
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
