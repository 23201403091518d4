use super::{native::ChatNatives, protocol::OpenAi};
use crate::wire::body_decoder::{BodyDecoder, decoder};

/// A decoder of Chat Completions and legacy Completions: server-sent events or a single JSON object, detected by
/// the first byte.
///
/// The end mark is `[DONE]`. Without it, an answer is complete at the end of the body if each choice has a finish
/// reason. A repeated finish reason is emitted once. Tool calls are numbered in order of appearance, whatever the
/// server's numbers. Reasoning is decoded under each name that servers use for it; audio and its transcript are
/// not decoded.
///
/// Unknown members are ignored, and an invalid chunk is skipped as a
/// [`Delta::DecodeFault`](crate::Delta::DecodeFault). A non-streamed answer is emitted at the end of the body:
/// [`Delta::NotStreamed`](crate::Delta::NotStreamed), then deltas that add up to the same result as those of the
/// streamed answer.
///
/// ```
/// use tower_llm_callbacks::{Delta, wire::{Decoder, openai_chat::OpenAiChatDecoder}};
///
/// let body = concat!(
///     r#"data: {"id":"chatcmpl-1","model":"gpt","choices":[{"index":0,"delta":{"content":"Hi"}}]}"#,
///     "\n\n",
///     r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
///     "\n\ndata: [DONE]\n\n",
/// );
/// let mut decoder = OpenAiChatDecoder::new();
/// let mut deltas = Vec::new();
/// decoder.push(body.as_bytes(), &mut |delta| deltas.push(delta.into_owned()));
/// assert_eq!(
///     deltas,
///     [
///         Delta::Response { id: Some("chatcmpl-1".into()), model: Some("gpt".into()) },
///         Delta::text("Hi"),
///         Delta::finish("stop"),
///         Delta::Done,
///     ],
/// );
///
/// let whole = br#"{"id":"chatcmpl-1","model":"gpt","choices":[
///     {"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}]}"#;
/// let mut decoder = OpenAiChatDecoder::new();
/// let mut deltas = Vec::new();
/// decoder.push(whole, &mut |_| unreachable!());
/// decoder.finish(&mut |delta| deltas.push(delta.into_owned()));
/// assert_eq!(deltas[0], Delta::NotStreamed);
/// assert_eq!(deltas[2..], [Delta::text("Hello"), Delta::finish("stop"), Delta::Done]);
/// ```
#[derive(Debug)]
pub struct OpenAiChatDecoder(BodyDecoder<OpenAi>);

decoder!(OpenAiChatDecoder, OpenAi::default(), ChatNatives::default());
