use super::{native::GeminiNatives, protocol::Generate, word::Api};
use crate::wire::body_decoder::{BodyDecoder, decoder};

/// A decoder of Gemini's answers: server-sent events, a JSON array or a single JSON object, detected by the first
/// byte.
///
/// The protocol has no end mark. [`Delta::Done`](crate::Delta::Done) is emitted at the end of the body if every
/// candidate has a finish reason, or if the prompt was blocked: the block reason is then the finish reason of
/// choice 0. Content after a finish reason is decoded too: with tools that run at the provider there may be
/// several reasons.
///
/// Enums that are sent as numbers (`$alt=json;enum-encoding=int`) have their names in the deltas.
///
/// Text parts with `thought: true` are reasoning. A function call is usually complete; Vertex AI may stream its
/// arguments as fragments with a JSON path each (`partialArgs`). Such a call is emitted when it begins, and its
/// arguments when it ends, as one JSON object. Parts that are neither text nor a call of the caller's own
/// function are not content.
///
/// An invalid event is skipped as a [`Delta::DecodeFault`](crate::Delta::DecodeFault). A non-streamed answer is
/// emitted at the end of the body: [`Delta::NotStreamed`](crate::Delta::NotStreamed), then deltas that add up to
/// the same result as those of the streamed answer.
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
pub struct GeminiDecoder(BodyDecoder<Generate>);

decoder!(GeminiDecoder, Generate::new(Api::Gemini), GeminiNatives);

impl GeminiDecoder {
    /// Creates a decoder for answers of Vertex AI, whose numeric enums differ: `finishReason: 9` is `SPII` in the
    /// Gemini API and `MALFORMED_FUNCTION_CALL` there.
    pub fn vertex() -> Self {
        Self(BodyDecoder::new(Generate::new(Api::Vertex)))
    }
}
