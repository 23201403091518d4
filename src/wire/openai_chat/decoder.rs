use super::protocol::OpenAi;
use crate::wire::reading::{Reading, decoder};

/// Reads an answer of Chat Completions or legacy Completions: streamed as server-sent events, or whole,
/// as its first byte tells.
///
/// The end is `[DONE]`. Of servers that send none, an answer is complete at the body's end if each of
/// its choices has a finish reason, which is told once. Tool calls are numbered in the order in which
/// they come, whatever the server's numbers. Reasoning is told under whatever name a server has for it;
/// audio is not, nor its transcript. What it does not know is passed over in silence; a chunk that
/// cannot be read is a [`Delta::DecodeFault`](crate::Delta::DecodeFault), and it goes on. Of an answer that comes whole nothing is
/// told before the body's end, then [`Delta::NotStreamed`](crate::Delta::NotStreamed) and what the same answer, streamed, would
/// have added up to.
///
/// ```
/// use tower_llm_callbacks::{Delta, wire::{Decoder, openai_chat::OpenAiChatDecoder}};
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

decoder!(OpenAiChatDecoder, OpenAi::default());
