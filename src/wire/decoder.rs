use crate::event::Delta;

/// Reads the body of an answer: bytes in, deltas out, without any IO of its own.
///
/// However the bytes are cut, the deltas are the same.
///
/// ```
/// use tower_llm_callbacks::{Delta, wire::{Decoder, anthropic::AnthropicDecoder}};
///
/// let mut decoder = AnthropicDecoder::new();
/// let mut deltas = Vec::new();
/// // The blank line that would end the event never comes: it is told at the end of the body.
/// decoder.push(b"data: {\"type\":\"message_stop\"}", &mut |delta| deltas.push(delta.into_owned()));
/// assert!(deltas.is_empty());
/// decoder.finish(&mut |delta| deltas.push(delta.into_owned()));
/// assert_eq!(deltas, [Delta::Done]);
/// ```
pub trait Decoder: Send + Sync {
    /// Takes the next bytes of the body, of any length, and tells what they complete.
    ///
    /// After [`Delta::Done`] or [`Delta::Error`] nothing more is told.
    fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Delta<'_>));

    /// The body has ended: tells what was still pending, such as a last event without its blank
    /// line. A body that ended too early is not an error here: [`Delta::Done`] is just not told.
    fn finish(&mut self, each: &mut dyn FnMut(Delta<'_>));
}
