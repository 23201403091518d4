use super::protocol::Ollama;
use crate::{
    event::Delta,
    wire::{Decoder, reading::Reading},
};

/// Reads an answer of `chat` or `generate`: a JSON object a line, the last of which says `done`.
///
/// A line that cannot be read is a [`Delta::DecodeFault`], and it goes on; one that is an error ends the
/// answer in [`Delta::Error`]. Tool calls come whole, and their arguments are told as the object's text
/// without white space. The finish reason is `done_reason`; Ollama gives no id of the answer, and not all
/// of its versions give ids of tool calls. [`usage_raw`](crate::LlmResult::usage_raw) holds its counts and
/// durations.
///
/// ```
/// use tower_llm_callbacks::{
///     Delta,
///     wire::{Decoder, ollama::OllamaDecoder},
/// };
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

impl OllamaDecoder {
    /// A decoder for lines of at most 16 MiB; what is longer is a [`Delta::DecodeFault`].
    pub fn new() -> Self {
        Self(Reading::new(Ollama::default()))
    }

    /// A decoder for lines of at most so many bytes.
    pub fn with_limit(max_line_bytes: usize) -> Self {
        Self(Reading::with_limit(Ollama::default(), max_line_bytes))
    }

    /// A decoder for an answer that is said to be whole, as `"stream": false` asks for, of at most 64
    /// MiB: nothing is told before its end, then [`Delta::NotStreamed`] first. A body that is no JSON is
    /// a [`Delta::DecodeFault`].
    pub fn whole() -> Self {
        Self(Reading::whole(Ollama::default()))
    }
}

impl Default for OllamaDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder for OllamaDecoder {
    fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Delta<'_>)) {
        self.0.push(bytes, each);
    }

    fn finish(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        self.0.finish(each);
    }
}
