use super::protocol::Cohere;
use crate::wire::body_decoder::{BodyDecoder, decoder};

/// A decoder of Cohere's answers of both versions: server-sent events, lines of JSON or a single JSON object, detected by
/// the first bytes.
///
/// - Thinking is reasoning. A tool plan and citations are no content.
/// - Tool calls of version 1 have no ids.
/// - The finish reason is Cohere's: `COMPLETE`, `MAX_TOKENS`, `TOOL_CALL` … The reason `ERROR` ends the answer with
///   [`Delta::Error`](crate::Delta::Error).
/// - The usage is the `tokens` that the model read and wrote, else the `billed_units`.
///   [`usage_raw`](crate::LlmResult::usage_raw) has both.
/// - A non-streamed answer is emitted at the end of the body, after [`Delta::NotStreamed`](crate::Delta::NotStreamed).
///
/// ```
/// use tower_llm_callbacks::{Delta, wire::{Decoder, cohere::CohereDecoder}};
///
/// let body = concat!(
///     "event: content-delta\n",
///     r#"data: {"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Hi"}}}}"#,
///     "\n\nevent: message-end\n",
///     r#"data: {"type":"message-end","delta":{"finish_reason":"COMPLETE"}}"#,
///     "\n\n",
/// );
/// let mut decoder = CohereDecoder::new();
/// let mut deltas = Vec::new();
/// decoder.push(body.as_bytes(), &mut |delta| deltas.push(delta.into_owned()));
/// assert_eq!(deltas, [Delta::text("Hi"), Delta::finish("COMPLETE"), Delta::Done]);
/// ```
#[derive(Debug)]
pub struct CohereDecoder(BodyDecoder<Cohere>);

decoder!(CohereDecoder, Cohere::default());
