use super::protocol::Anthropic;
use crate::wire::reading::{Reading, decoder};

/// Reads an answer: streamed as server-sent events, or whole, as its first byte tells.
///
/// Event, block and delta types that it does not know are passed over in silence, as Anthropic's
/// documentation asks; one that cannot be read is a [`Delta::DecodeFault`](crate::Delta::DecodeFault), and it goes on. Of an answer
/// that comes whole nothing is told before the body's end, then [`Delta::NotStreamed`](crate::Delta::NotStreamed) and what the same
/// answer, streamed, would have added up to.
///
/// ```
/// use tower_llm_callbacks::{Delta, wire::{Decoder, anthropic::AnthropicDecoder}};
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

decoder!(AnthropicDecoder, Anthropic::new());
