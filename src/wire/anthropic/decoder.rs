use super::{native::AnthropicNatives, protocol::Anthropic};
use crate::wire::body_decoder::{BodyDecoder, decoder};

/// A decoder of Anthropic's answers: server-sent events or a single JSON object, detected by the first byte.
///
/// Unknown event, block and delta types are ignored, as Anthropic's documentation requires. An invalid event is
/// skipped as a [`Delta::DecodeFault`](crate::Delta::DecodeFault). A non-streamed answer is emitted at the end of
/// the body: [`Delta::NotStreamed`](crate::Delta::NotStreamed), then deltas that add up to the same result as
/// those of the streamed answer.
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
pub struct AnthropicDecoder(BodyDecoder<Anthropic>);

decoder!(AnthropicDecoder, Anthropic::default(), AnthropicNatives::default());
