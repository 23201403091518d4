use super::{native::ResponsesNatives, protocol::Responses};
use crate::wire::body_decoder::{BodyDecoder, decoder};

/// A decoder of Responses: server-sent events or a single JSON object, detected by the first byte.
///
/// A stream repeats most of its output up to four times. The decoder emits it once, from the first event that
/// carries it: a delta, the end of the item, or the end of the answer. Unknown event and item types are ignored;
/// an invalid event is skipped as a [`Delta::DecodeFault`](crate::Delta::DecodeFault).
///
/// - All deltas belong to choice 0.
/// - Tool calls are `function_call` and `custom_tool_call` items. Their id is the `call_id`; the arguments of a
///   custom tool are its input, unchanged. Calls of tools that run at the provider are not emitted.
/// - Reasoning is the raw text or its summary. If an item has both, it is the one streamed first, or the raw text
///   if the item is not streamed.
/// - The finish reason is `incomplete_details.reason` of an incomplete answer, such as `max_output_tokens` or
///   `content_filter`, otherwise the `status`: `completed` or `incomplete`. Tool calls do not change it.
/// - A failed or cancelled answer ends with [`Delta::Error`](crate::Delta::Error), and so does an `error` event.
/// - `[DONE]`, which some vendors append, counts as an end mark only if the answer's own is missing, content was
///   emitted, and no item is unfinished.
/// - A non-streamed answer is emitted at the end of the body: [`Delta::NotStreamed`](crate::Delta::NotStreamed),
///   then deltas that add up to the same result as those of the streamed answer. The finish reason of a
///   background answer that is not there yet is `queued` or `in_progress`.
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
pub struct OpenAiResponsesDecoder(BodyDecoder<Responses>);

decoder!(OpenAiResponsesDecoder, Responses::default(), ResponsesNatives);
