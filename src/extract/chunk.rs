use crate::event::Delta;

/// A chunk of an LLM service's response stream: says what it adds to the answer.
///
/// [`ChatChunk`](crate::chat::ChatChunk) is one. Implement it for a chunk type of your own; for a
/// foreign type, give [`CallbackLayer::extract`](crate::CallbackLayer::extract) two closures.
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
    message = "`{Self}` does not say what it adds to an answer",
    label = "not an `LlmChunk`",
    note = "implement `LlmChunk` for `{Self}`, or, if the type is not yours, use `CallbackLayer::extract` with two closures"
)]
pub trait LlmChunk {
    /// Whether a complete stream of these chunks has a [`Delta::Done`]. Where it has, a stream that
    /// ends without one is truncated; where it has not, the end of the stream completes the run.
    const HAS_END_MARK: bool = false;

    /// Tells each delta that the chunk holds, in order. Called once per chunk, before the consumer
    /// has it.
    fn deltas(&self, each: &mut dyn FnMut(Delta<'_>));
}
