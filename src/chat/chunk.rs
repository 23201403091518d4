use crate::{event::Delta, extract::LlmChunk};

/// A chunk of a [`ChatStream`](super::ChatStream): an owned [`Delta`].
///
/// The last chunk of a complete stream is [`Delta::Done`]. A stream that ends without it is truncated.
///
/// ```
/// use tower_llm_callbacks::{Delta, chat::ChatChunk};
///
/// fn show(chunk: &ChatChunk) {
///     if let Delta::Text { text, .. } = chunk {
///         print!("{text}");
///     }
/// }
/// show(&Delta::text("Hello"));
/// ```
pub type ChatChunk = Delta<'static>;

impl LlmChunk for Delta<'_> {
    const HAS_END_MARK: bool = true;

    fn deltas(&self, each: &mut dyn FnMut(Delta<'_>)) {
        each(self.borrowed());
    }
}
