use super::protocol::TextGeneration;
use crate::wire::body_decoder::{BodyDecoder, decoder};

/// A decoder of generated texts: server-sent events or a single JSON object, detected by the first byte. The names of the
/// members say which API's they are.
///
/// These protocols have no end mark. [`Delta::Done`](crate::Delta::Done) is emitted at the end of the body if every choice
/// has ended.
///
/// ```
/// use tower_llm_callbacks::{Delta, wire::{Decoder, text_generation::TextGenerationDecoder}};
///
/// let body = concat!(
///     r#"data: {"content":"Hi","stop":false}"#,
///     "\n\n",
///     r#"data: {"content":"","stop":true,"stop_type":"eos"}"#,
///     "\n\n",
/// );
/// let mut decoder = TextGenerationDecoder::new();
/// let mut deltas = Vec::new();
/// decoder.push(body.as_bytes(), &mut |delta| deltas.push(delta.into_owned()));
/// decoder.finish(&mut |delta| deltas.push(delta.into_owned()));
/// assert_eq!(deltas, [Delta::text("Hi"), Delta::finish("eos"), Delta::Done]);
/// ```
#[derive(Debug)]
pub struct TextGenerationDecoder(BodyDecoder<TextGeneration>);

decoder!(TextGenerationDecoder, TextGeneration::default());
