use super::protocol::Generate;
use crate::wire::reading::{Reading, decoder};

/// Reads an answer: streamed as server-sent events or as a JSON array, or whole, as its first byte
/// tells.
///
/// The protocol has no end mark. [`Delta::Done`](crate::Delta::Done) is told at the end of the body if every candidate has a
/// finish reason by then, or the prompt was blocked; then the reason of the block is that of choice 0.
/// What follows a finish reason is read too: with tools that run at the provider there may be several.
///
/// Texts with `thought: true` are reasoning. A function call comes whole; on Vertex AI its arguments may
/// be streamed, each piece with its place in them (`partialArgs`). Then the call is told when it begins,
/// and its arguments when it ends, as one JSON object. Parts that are neither text nor a call of the
/// caller's own function are no content.
///
/// An event that cannot be read is a [`Delta::DecodeFault`](crate::Delta::DecodeFault), and it goes on. Of an answer that comes
/// whole nothing is told before the body's end, then [`Delta::NotStreamed`](crate::Delta::NotStreamed) and what the same answer,
/// streamed, would have added up to.
///
/// ```
/// use tower_llm_callbacks::{Delta, wire::{Decoder, gemini::GeminiDecoder}};
///
/// let body = concat!(
///     r#"data: {"candidates":[{"content":{"parts":[{"text":"Hi"}]}}],"responseId":"r1"}"#,
///     "\r\n\r\n",
///     r#"data: {"candidates":[{"content":{"parts":[{"text":"!"}]},"finishReason":"STOP"}]}"#,
///     "\r\n\r\n",
/// );
/// let mut decoder = GeminiDecoder::new();
/// let mut deltas = Vec::new();
/// decoder.push(body.as_bytes(), &mut |delta| deltas.push(delta.into_owned()));
/// decoder.finish(&mut |delta| deltas.push(delta.into_owned()));
/// assert_eq!(
///     deltas,
///     [
///         Delta::Response { id: Some("r1".into()), model: None },
///         Delta::text("Hi"),
///         Delta::text("!"),
///         Delta::finish("STOP"),
///         Delta::Done,
///     ],
/// );
/// ```
#[derive(Debug)]
pub struct GeminiDecoder(Reading<Generate>);

decoder!(GeminiDecoder, Generate::new());
