use super::{native::OllamaNatives, protocol::Ollama};
use crate::wire::body_decoder::{BodyDecoder, decoder};

/// A decoder of `chat` and `generate` answers: one JSON object per line, the last of which has `done`.
///
/// An invalid line is skipped as a [`Delta::DecodeFault`](crate::Delta::DecodeFault); an error line ends the
/// answer with [`Delta::Error`](crate::Delta::Error). Tool calls are not fragmented, and their arguments are
/// emitted as JSON without white space. The finish reason is `done_reason`. Ollama sends no id of the answer,
/// and some versions send no ids of tool calls. [`usage_raw`](crate::LlmResult::usage_raw) holds the counts
/// and durations.
///
/// ```
/// use tower_llm_callbacks::{Delta, wire::{Decoder, ollama::OllamaDecoder}};
///
/// let body = concat!(
///     r#"{"model":"llama3","message":{"role":"assistant","content":"Hi"},"done":false}"#,
///     "\n",
///     r#"{"model":"llama3","message":{"content":""},"done":true,"done_reason":"stop"}"#,
///     "\n",
/// );
/// let mut decoder = OllamaDecoder::new();
/// let mut deltas = Vec::new();
/// decoder.push(body.as_bytes(), &mut |delta| deltas.push(delta.into_owned()));
/// assert_eq!(
///     deltas,
///     [
///         Delta::Response { id: None, model: Some("llama3".into()) },
///         Delta::text("Hi"),
///         Delta::finish("stop"),
///         Delta::Done,
///     ],
/// );
/// ```
#[derive(Debug)]
pub struct OllamaDecoder(BodyDecoder<Ollama>);

decoder!(OllamaDecoder, Ollama::default(), OllamaNatives::default());
