use crate::event::Delta;

/// A chunk of an LLM service's response stream that returns its [`Delta`]s.
///
/// Implemented by [`ChatChunk`](crate::chat::ChatChunk). Implement it for your own chunk type; for a foreign
/// type, pass closures to [`CallbackLayer::extract`](crate::CallbackLayer::extract).
///
/// ```
/// use tower_llm_callbacks::{Delta, LlmChunk};
///
/// struct Word(String);
///
/// impl LlmChunk for Word {
///     fn deltas(&self, each: &mut dyn FnMut(Delta<'_>)) {
///         each(Delta::text(&self.0));
///     }
/// }
/// # let mut seen = 0; Word("hi".into()).deltas(&mut |_| seen += 1); assert_eq!(seen, 1);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not describe a chunk of an answer",
    label = "not an `LlmChunk`",
    note = "implement `LlmChunk` for `{Self}`, or, if the type is not yours, use `CallbackLayer::extract` with two closures"
)]
pub trait LlmChunk {
    /// Whether a complete stream of these chunks contains a [`Delta::Done`]. If true, a stream that ends without
    /// one is truncated; if false, the end of the stream completes the run.
    const HAS_END_MARK: bool = false;

    /// Calls `each` with the deltas of the chunk, in order. Called once per chunk, before the consumer receives
    /// it.
    fn deltas(&self, each: &mut dyn FnMut(Delta<'_>));
}
