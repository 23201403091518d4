use crate::event::Delta;

/// A sans-IO decoder of an answer's body: bytes in, deltas out.
///
/// The deltas do not depend on how the bytes are split.
///
/// ```
/// use tower_llm_callbacks::{Delta, wire::{Decoder, anthropic::AnthropicDecoder}};
///
/// let mut decoder = AnthropicDecoder::new();
/// let mut deltas = Vec::new();
/// // The blank line that ends the event is missing, so the event is emitted at the end of the body.
/// decoder.push(b"data: {\"type\":\"message_stop\"}", &mut |delta| deltas.push(delta.into_owned()));
/// assert!(deltas.is_empty());
/// decoder.finish(&mut |delta| deltas.push(delta.into_owned()));
/// assert_eq!(deltas, [Delta::Done]);
/// ```
pub trait Decoder: Send + Sync {
    /// Decodes the next bytes of the body and calls `each` with the deltas that they complete.
    ///
    /// Nothing is emitted after [`Delta::Done`] or [`Delta::Error`].
    fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Delta<'_>));

    /// Ends the body and calls `each` with the deltas that were still pending, such as those of a last event
    /// without its blank line. A truncated body is not an error here: it only lacks [`Delta::Done`].
    fn finish(&mut self, each: &mut dyn FnMut(Delta<'_>));
}
