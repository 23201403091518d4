use super::protocol::Invoke;
use crate::wire::{
    LlmHttpResponse,
    body_decoder::{BodyDecoder, decoder},
};

/// A decoder of the answers of Amazon Bedrock's `InvokeModel` and `InvokeModelWithResponseStream`: an event stream of AWS
/// with chunks in base64 or a single JSON object, detected by the first byte.
///
/// The first chunk says by its members which dialect it is: Anthropic's messages and legacy completions, Nova, Titan, Llama,
/// Mistral, Cohere's Command, AI21, or chat completions in OpenAI's shape. Embeddings, ranked documents and images are
/// [`Delta::Outputs`](crate::Delta::Outputs). An answer in a dialect that is not known is a
/// [`Delta::DecodeFault`](crate::Delta::DecodeFault), and complete.
///
/// The usage is that of the dialect, or else that of `amazon-bedrock-invocationMetrics` or of the headers of the response.
///
/// ```
/// use tower_llm_callbacks::{Delta, wire::{Decoder, bedrock::InvokeDecoder}};
///
/// let whole = br#"{"outputs":[{"text":"Hello","stop_reason":"stop"}]}"#;
/// let mut decoder = InvokeDecoder::new();
/// let mut deltas = Vec::new();
/// decoder.push(whole, &mut |_| unreachable!());
/// decoder.finish(&mut |delta| deltas.push(delta.into_owned()));
/// assert_eq!(
///     deltas,
///     [Delta::NotStreamed, Delta::text("Hello"), Delta::finish("stop"), Delta::Done],
/// );
/// ```
#[derive(Debug)]
pub struct InvokeDecoder(BodyDecoder<Invoke>);

decoder!(InvokeDecoder, Invoke::default());

impl InvokeDecoder {
    /// Creates a decoder for the body of a response. The head has the usage, and the request the model.
    pub(in crate::wire::bedrock) fn of(response: &LlmHttpResponse<'_>) -> Self {
        Self(BodyDecoder::of(response, Invoke::of(response)))
    }
}
