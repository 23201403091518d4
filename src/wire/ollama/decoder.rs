use super::protocol::Ollama;
use crate::wire::reading::{Reading, decoder};

/// Reads an answer of `chat` or `generate`: a JSON object a line, the last of which says `done`.
///
/// A line that cannot be read is a [`Delta::DecodeFault`](crate::Delta::DecodeFault), and it goes on; one that is an error ends the
/// answer in [`Delta::Error`](crate::Delta::Error). Tool calls come whole, and their arguments are told as the object's text
/// without white space. The finish reason is `done_reason`; Ollama gives no id of the answer, and not all
/// of its versions give ids of tool calls. [`usage_raw`](crate::LlmResult::usage_raw) holds its counts and
/// durations.
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
pub struct OllamaDecoder(Reading<Ollama>);

decoder!(OllamaDecoder, Ollama::default());
