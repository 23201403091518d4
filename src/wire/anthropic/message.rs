use std::mem;

use serde_json::Value;

use crate::{
    event::Delta,
    wire::{
        Decoder,
        json::{self, Fault},
    },
};

use super::{answer::Answer, error::within_answer, event::Message};

const DEFAULT_LIMIT: usize = 64 * 1024 * 1024;

/// Reads an answer that comes whole, as one JSON object.
///
/// Nothing is told before the body's end, then [`Delta::NotStreamed`] and what the same answer,
/// streamed, would have added up to. A body that cannot be read, or is over the limit, is a single
/// [`Delta::DecodeFault`].
///
/// ```
/// use tower_llm_callbacks::{
///     Delta,
///     wire::{Decoder, anthropic::AnthropicMessage},
/// };
///
/// let mut decoder = AnthropicMessage::new();
/// let mut deltas = Vec::new();
/// let body = br#"{"type":"message","id":"msg_1","model":"claude",
///     "content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn"}"#;
/// decoder.push(body, &mut |_| unreachable!());
/// decoder.finish(&mut |delta| deltas.push(delta.into_owned()));
/// assert_eq!(deltas[0], Delta::NotStreamed);
/// assert_eq!(deltas[2..], [Delta::text("Hello"), Delta::finish("end_turn"), Delta::Done]);
/// ```
#[derive(Debug)]
pub struct AnthropicMessage {
    limit: usize,
    body: Vec<u8>,
    over: bool,
}

impl AnthropicMessage {
    /// A decoder for a body of at most 64 MiB.
    pub fn new() -> Self {
        Self::with_limit(DEFAULT_LIMIT)
    }

    /// A decoder for a body of at most so many bytes.
    pub fn with_limit(max_body_bytes: usize) -> Self {
        Self { limit: max_body_bytes, body: Vec::new(), over: false }
    }

    fn read(json: &str, each: &mut dyn FnMut(Delta<'_>)) {
        match json::read(json) {
            Ok(message) => Self::tell(json, message, each),
            Err(Fault::Unreadable) => each(Delta::DecodeFault),
            Err(Fault::Repaired(json)) => match json::read(&json) {
                Ok(message) => {
                    let mut first = true;
                    Self::tell(&json, message, &mut |delta| {
                        // After `NotStreamed`, which is to be the first.
                        let fault = mem::take(&mut first)
                            && !matches!(delta, Delta::DecodeFault | Delta::Error(_));
                        each(delta);
                        if fault {
                            each(Delta::DecodeFault);
                        }
                    });
                }
                Err(_) => each(Delta::DecodeFault),
            },
        }
    }

    fn tell(json: &str, mut message: Message<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        let content = message.content.0.take();
        let kind = message.kind.as_deref();
        if kind == Some("error") || (content.is_none() && message.error.is_some()) {
            return each(Delta::Error(within_answer(json)));
        }
        if kind != Some("message") && content.is_none() {
            return each(Delta::DecodeFault);
        }
        let mut answer = Answer::new();
        each(Delta::NotStreamed);
        Answer::response(&mut message, each);
        for block in content.into_iter().flatten() {
            answer.block(&Value::Null, block, each);
        }
        answer.usage(message.usage.0, each);
        Answer::finish(message.stop_reason, each);
        each(Delta::Done);
    }
}

impl Default for AnthropicMessage {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder for AnthropicMessage {
    fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Delta<'_>)) {
        if self.over {
            return;
        }
        if self.body.len().saturating_add(bytes.len()) > self.limit {
            self.over = true;
            self.body = Vec::new();
            each(Delta::DecodeFault);
        } else {
            self.body.extend_from_slice(bytes);
        }
    }

    fn finish(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        if !mem::replace(&mut self.over, true) {
            let body = mem::take(&mut self.body);
            Self::read(String::from_utf8_lossy(&body).trim_start_matches('\u{FEFF}'), each);
        }
    }
}
