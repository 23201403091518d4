use super::protocol::OpenAi;
use crate::{
    event::Delta,
    wire::{Decoder, reading::Reading},
};

/// Reads an answer of Chat Completions or legacy Completions: streamed as server-sent events, or whole,
/// as its first byte tells.
///
/// The end is `[DONE]`. Of servers that send none, an answer is complete at the body's end if each of
/// its choices has a finish reason, which is told once. Tool calls are numbered in the order in which
/// they come, whatever the server's numbers. Reasoning is told under whatever name a server has for it;
/// audio is not, nor its transcript. What it does not know is passed over in silence; a chunk that
/// cannot be read is a [`Delta::DecodeFault`], and it goes on. Of an answer that comes whole nothing is
/// told before the body's end, then [`Delta::NotStreamed`] and what the same answer, streamed, would
/// have added up to.
///
/// ```
/// use tower_llm_callbacks::{
///     Delta,
///     wire::{Decoder, openai_chat::OpenAiChatDecoder},
/// };
///
/// let body = concat!(
///     r#"data: {"id":"chatcmpl-1","model":"gpt","choices":[{"index":0,"delta":{"content":"Hi"}}]}"#,
///     "\n\n",
///     r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
///     "\n\ndata: [DONE]\n\n",
/// );
/// let mut decoder = OpenAiChatDecoder::new();
/// let mut deltas = Vec::new();
/// decoder.push(body.as_bytes(), &mut |delta| deltas.push(delta.into_owned()));
/// assert_eq!(
///     deltas,
///     [
///         Delta::Response { id: Some("chatcmpl-1".into()), model: Some("gpt".into()) },
///         Delta::text("Hi"),
///         Delta::finish("stop"),
///         Delta::Done,
///     ],
/// );
///
/// let whole = br#"{"id":"chatcmpl-1","model":"gpt","choices":[
///     {"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}]}"#;
/// let mut decoder = OpenAiChatDecoder::new();
/// let mut deltas = Vec::new();
/// decoder.push(whole, &mut |_| unreachable!());
/// decoder.finish(&mut |delta| deltas.push(delta.into_owned()));
/// assert_eq!(deltas[0], Delta::NotStreamed);
/// assert_eq!(deltas[2..], [Delta::text("Hello"), Delta::finish("stop"), Delta::Done]);
/// ```
#[derive(Debug)]
pub struct OpenAiChatDecoder(Reading<OpenAi>);

impl OpenAiChatDecoder {
    /// A decoder for events of at most 16 MiB and whole answers of at most 64 MiB; what is longer is a
    /// [`Delta::DecodeFault`].
    pub fn new() -> Self {
        Self(Reading::new(OpenAi::default()))
    }

    /// A decoder for events, or a whole answer, of at most so many bytes.
    pub fn with_limit(max_event_bytes: usize) -> Self {
        Self(Reading::with_limit(OpenAi::default(), max_event_bytes))
    }

    /// A decoder for an answer that is said to be whole: a body that is no JSON is a
    /// [`Delta::DecodeFault`].
    pub fn whole() -> Self {
        Self(Reading::whole(OpenAi::default()))
    }
}

impl Default for OpenAiChatDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder for OpenAiChatDecoder {
    fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Delta<'_>)) {
        self.0.push(bytes, each);
    }

    fn finish(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        self.0.finish(each);
    }
}
