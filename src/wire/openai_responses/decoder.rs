use super::protocol::Responses;
use crate::wire::reading::{Reading, decoder};

/// Reads an answer: streamed as server-sent events, or whole, as its first byte tells.
///
/// A stream tells most of its output up to four times; it is told once, from the first that says it:
/// a delta, the end of its item, the end of the answer. Event and item types that it does not know are
/// passed over in silence; an event that cannot be read is a [`Delta::DecodeFault`](crate::Delta::DecodeFault), and it goes on.
///
/// - All is told of choice 0.
/// - Tool calls are `function_call` and `custom_tool_call` items, whose id is the `call_id` and whose
///   arguments, of a custom tool, are its input as it is. Tools that run at the provider are not told.
/// - Reasoning is the raw text or its summary: of an item that has both, the one that is streamed
///   first, and the raw one where it comes whole.
/// - The finish reason is `incomplete_details.reason` of an incomplete answer, such as
///   `max_output_tokens` or `content_filter`, else its `status`: `completed` or `incomplete`. Tool
///   calls do not change it.
/// - An answer that failed or was cancelled ends in [`Delta::Error`](crate::Delta::Error), as does an `error` event.
/// - `[DONE]`, which some vendors append, is only an end mark where the answer's own is missing, something
///   was told, and no item is unfinished.
/// - Of an answer that comes whole nothing is told before the body's end, then [`Delta::NotStreamed`](crate::Delta::NotStreamed)
///   and what the same answer, streamed, would have added up to. One that is still queued or in
///   progress, in the background, has no finish reason.
///
/// ```
/// use tower_llm_callbacks::{Delta, wire::{Decoder, openai_responses::OpenAiResponsesDecoder}};
///
/// let body = concat!(
///     "event: response.created\n",
///     r#"data: {"type":"response.created","response":{"id":"resp_1","model":"gpt"}}"#,
///     "\n\nevent: response.output_text.delta\n",
///     r#"data: {"type":"response.output_text.delta","output_index":0,"delta":"Hi"}"#,
///     "\n\nevent: response.output_text.done\n",
///     r#"data: {"type":"response.output_text.done","output_index":0,"text":"Hi"}"#,
///     "\n\nevent: response.completed\n",
///     r#"data: {"type":"response.completed","response":{"status":"completed"}}"#,
///     "\n\n",
/// );
/// let mut decoder = OpenAiResponsesDecoder::new();
/// let mut deltas = Vec::new();
/// decoder.push(body.as_bytes(), &mut |delta| deltas.push(delta.into_owned()));
/// assert_eq!(
///     deltas,
///     [
///         Delta::Response { id: Some("resp_1".into()), model: Some("gpt".into()) },
///         Delta::text("Hi"),
///         Delta::finish("completed"),
///         Delta::Done,
///     ],
/// );
/// ```
#[derive(Debug)]
pub struct OpenAiResponsesDecoder(Reading<Responses>);

decoder!(OpenAiResponsesDecoder, Responses::default());
