use super::{native::ConverseNatives, protocol::Converse};
use crate::wire::{
    LlmHttpResponse,
    bedrock::error::request_id,
    body_decoder::{BodyDecoder, decoder},
};

/// A decoder of the answers of Amazon Bedrock's `Converse` and `ConverseStream`: an event stream of AWS or a single JSON
/// object, detected by the first byte.
///
/// An exception or error of the event stream is a [`Delta::Error`](crate::Delta::Error) with its name as the code. A frame
/// that is damaged is a [`Delta::DecodeFault`](crate::Delta::DecodeFault); see
/// [`EventStreamDecoder`](crate::wire::EventStreamDecoder). Tools that run at the provider, redacted reasoning and citations
/// are decoded [only if wanted](Self::with_native).
///
/// ```
/// use tower_llm_callbacks::{Delta, wire::{Decoder, bedrock::ConverseDecoder}};
///
/// let whole = br#"{"output":{"message":{"role":"assistant","content":[{"text":"Hello"}]}},"stopReason":"end_turn"}"#;
/// let mut decoder = ConverseDecoder::new();
/// let mut deltas = Vec::new();
/// decoder.push(whole, &mut |_| unreachable!());
/// decoder.finish(&mut |delta| deltas.push(delta.into_owned()));
/// assert_eq!(
///     deltas,
///     [Delta::NotStreamed, Delta::text("Hello"), Delta::finish("end_turn"), Delta::Done],
/// );
/// ```
#[derive(Debug)]
pub struct ConverseDecoder(BodyDecoder<Converse>);

decoder!(ConverseDecoder, Converse::default(), ConverseNatives::default());

impl ConverseDecoder {
    /// Creates a decoder for the body of a response. The head has the id of the answer, and the request its model.
    pub(in crate::wire::bedrock) fn of(response: &LlmHttpResponse<'_>) -> Self {
        let model = response.request.and_then(|request| request.model.as_deref());
        Self(BodyDecoder::of(response, Converse::new(request_id(response.headers), model)))
    }
}
