use super::protocol::Generation;
use crate::wire::{
    LlmHttpResponse,
    body_decoder::{BodyDecoder, decoder},
};

/// A decoder of DashScope's generation: server-sent events or a single JSON object, detected by the first bytes.
///
/// Unless the request asks for `incremental_output`, each event has the whole text so far: its end alone is new.
///
/// ```
/// use tower_llm_callbacks::{Delta, wire::{Decoder, dashscope::DashScopeDecoder}};
///
/// let body = concat!(
///     r#"data:{"output":{"choices":[{"message":{"content":"Hel"},"finish_reason":"null"}]}}"#, "\n\n",
///     r#"data:{"output":{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}]}}"#, "\n\n",
/// );
/// let mut decoder = DashScopeDecoder::new();
/// let mut deltas = Vec::new();
/// decoder.push(body.as_bytes(), &mut |delta| deltas.push(delta.into_owned()));
/// decoder.finish(&mut |delta| deltas.push(delta.into_owned()));
/// assert_eq!(deltas[..2], [Delta::text("Hel"), Delta::text("lo")]);
/// assert_eq!(deltas[2..], [Delta::finish("stop"), Delta::Done]);
/// ```
#[derive(Debug)]
pub struct DashScopeDecoder(BodyDecoder<Generation>);

decoder!(DashScopeDecoder, Generation::default());

impl DashScopeDecoder {
    /// Creates a decoder for the body of a response, whose request says what an event has.
    pub(super) fn of(response: &LlmHttpResponse<'_>) -> Self {
        let generation = Generation::of(response);
        Self(match response.is_declared_whole() {
            true => BodyDecoder::whole(generation),
            false => BodyDecoder::new(generation),
        })
    }
}
