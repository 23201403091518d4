use super::protocol::Conversations;
use crate::wire::body_decoder::{BodyDecoder, decoder};

/// A decoder of Mistral's conversations: server-sent events or a single JSON object, detected by the first byte.
///
/// - The id of the answer is that of the conversation.
/// - Tool calls are the function calls, which the caller runs. Tools that run at the provider, and hand-offs between agents,
///   are no content.
/// - The protocol has no finish reason.
/// - A non-streamed answer is emitted at the end of the body, after [`Delta::NotStreamed`](crate::Delta::NotStreamed).
///
/// ```
/// use tower_llm_callbacks::{Delta, wire::{Decoder, mistral::ConversationsDecoder}};
///
/// let body = concat!(
///     "event: message.output.delta\n",
///     r#"data: {"type":"message.output.delta","output_index":0,"content":"Hi"}"#,
///     "\n\nevent: conversation.response.done\n",
///     r#"data: {"type":"conversation.response.done","usage":{"prompt_tokens":3,"completion_tokens":1}}"#,
///     "\n\n",
/// );
/// let mut decoder = ConversationsDecoder::new();
/// let mut deltas = Vec::new();
/// decoder.push(body.as_bytes(), &mut |delta| deltas.push(delta.into_owned()));
/// assert_eq!(deltas[0], Delta::text("Hi"));
/// assert_eq!(deltas[2], Delta::Done);
/// ```
#[derive(Debug)]
pub struct ConversationsDecoder(BodyDecoder<Conversations>);

decoder!(ConversationsDecoder, Conversations::default());
