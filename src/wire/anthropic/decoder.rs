use super::protocol::Anthropic;
use crate::{
    event::Delta,
    wire::{Decoder, reading::Reading},
};

/// Reads an answer: streamed as server-sent events, or whole, as its first byte tells.
///
/// Event, block and delta types that it does not know are passed over in silence, as Anthropic's
/// documentation asks; one that cannot be read is a [`Delta::DecodeFault`], and it goes on. Of an answer
/// that comes whole nothing is told before the body's end, then [`Delta::NotStreamed`] and what the same
/// answer, streamed, would have added up to.
///
/// ```
/// use tower_llm_callbacks::{
///     Delta,
///     wire::{Decoder, anthropic::AnthropicDecoder},
/// };
///
/// let body = concat!(
///     "event: message_start\n",
///     r#"data: {"type":"message_start","message":{"id":"msg_1","model":"claude"}}"#,
///     "\n\nevent: content_block_delta\n",
///     r#"data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}"#,
///     "\n\nevent: message_stop\n",
///     r#"data: {"type":"message_stop"}"#,
///     "\n\n",
/// );
/// let mut decoder = AnthropicDecoder::new();
/// let mut deltas = Vec::new();
/// decoder.push(body.as_bytes(), &mut |delta| deltas.push(delta.into_owned()));
/// assert_eq!(
///     deltas,
///     [
///         Delta::Response { id: Some("msg_1".into()), model: Some("claude".into()) },
///         Delta::text("Hi"),
///         Delta::Done,
///     ],
/// );
///
/// let whole = br#"{"type":"message","id":"msg_1","model":"claude",
///     "content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn"}"#;
/// let mut decoder = AnthropicDecoder::new();
/// let mut deltas = Vec::new();
/// decoder.push(whole, &mut |_| unreachable!());
/// decoder.finish(&mut |delta| deltas.push(delta.into_owned()));
/// assert_eq!(deltas[0], Delta::NotStreamed);
/// assert_eq!(deltas[2..], [Delta::text("Hello"), Delta::finish("end_turn"), Delta::Done]);
/// ```
#[derive(Debug)]
pub struct AnthropicDecoder(Reading<Anthropic>);

impl AnthropicDecoder {
    /// A decoder for events of at most 16 MiB and whole answers of at most 64 MiB; what is longer is a
    /// [`Delta::DecodeFault`].
    pub fn new() -> Self {
        Self(Reading::new(Anthropic::new()))
    }

    /// A decoder for events, or a whole answer, of at most so many bytes.
    pub fn with_limit(max_event_bytes: usize) -> Self {
        Self(Reading::with_limit(Anthropic::new(), max_event_bytes))
    }

    /// A decoder for an answer that is said to be whole: a body that is no JSON is a
    /// [`Delta::DecodeFault`].
    pub fn whole() -> Self {
        Self(Reading::whole(Anthropic::new()))
    }
}

impl Default for AnthropicDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder for AnthropicDecoder {
    fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Delta<'_>)) {
        self.0.push(bytes, each);
    }

    fn finish(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        self.0.finish(each);
    }
}
