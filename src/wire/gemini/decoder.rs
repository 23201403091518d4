use super::protocol::Generate;
use crate::{
    event::Delta,
    wire::{Decoder, reading::Reading},
};

/// Reads an answer: streamed as server-sent events or as a JSON array, or whole, as its first byte
/// tells.
///
/// The protocol has no end mark. [`Delta::Done`] is told at the end of the body if every candidate has a
/// finish reason by then, or the prompt was blocked; then the reason of the block is that of choice 0.
/// What follows a finish reason is read too: with tools that run at the provider there may be several.
///
/// Texts with `thought: true` are reasoning. A function call comes whole; on Vertex AI its arguments may
/// be streamed, each piece with its place in them (`partialArgs`). Then the call is told when it begins,
/// and its arguments when it ends, as one JSON object. Parts that are neither text nor a call of the
/// caller's own function are no content.
///
/// An event that cannot be read is a [`Delta::DecodeFault`], and it goes on. Of an answer that comes
/// whole nothing is told before the body's end, then [`Delta::NotStreamed`] and what the same answer,
/// streamed, would have added up to.
///
/// ```
/// use tower_llm_callbacks::{
///     Delta,
///     wire::{Decoder, gemini::GeminiDecoder},
/// };
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

impl GeminiDecoder {
    /// A decoder for events of at most 16 MiB and whole answers of at most 64 MiB; what is longer is a
    /// [`Delta::DecodeFault`].
    pub fn new() -> Self {
        Self(Reading::new(Generate::new()))
    }

    /// A decoder for events, or a whole answer, of at most so many bytes.
    pub fn with_limit(max_event_bytes: usize) -> Self {
        Self(Reading::with_limit(Generate::new(), max_event_bytes))
    }

    /// A decoder for an answer that is said to be whole: a body that is no JSON object is a
    /// [`Delta::DecodeFault`]. The content type `application/json` does not say so, for streamed answers
    /// have it too.
    pub fn whole() -> Self {
        Self(Reading::whole(Generate::new()))
    }
}

impl Default for GeminiDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder for GeminiDecoder {
    fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Delta<'_>)) {
        self.0.push(bytes, each);
    }

    fn finish(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        self.0.finish(each);
    }
}
