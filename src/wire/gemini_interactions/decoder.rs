use super::protocol::Interactions;
use crate::wire::body_decoder::{BodyDecoder, decoder};

/// A decoder of interactions: server-sent events or a single JSON object, detected by the first byte.
///
/// - The text is that of the steps `model_output`; reasoning is the summary of the steps `thought`.
/// - Tool calls are the steps `function_call`. Steps of tools that run at the provider are no content.
/// - The finish reason is the status: `completed`, `requires_action`, `incomplete` … A failed or cancelled interaction ends
///   with [`Delta::Error`](crate::Delta::Error). One that is not there yet is `queued` or `in_progress`.
/// - Reports of usage are running totals. Output includes thoughts, as in all usage of this crate.
/// - A non-streamed answer is emitted at the end of the body, after [`Delta::NotStreamed`](crate::Delta::NotStreamed).
///
/// ```
/// use tower_llm_callbacks::{Delta, wire::{Decoder, gemini_interactions::InteractionsDecoder}};
///
/// let body = concat!(
///     "event: step.delta\n",
///     r#"data: {"event_type":"step.delta","index":0,"delta":{"type":"text","text":"Hi"}}"#,
///     "\n\nevent: interaction.completed\n",
///     r#"data: {"event_type":"interaction.completed","interaction":{"status":"completed"}}"#,
///     "\n\n",
/// );
/// let mut decoder = InteractionsDecoder::new();
/// let mut deltas = Vec::new();
/// decoder.push(body.as_bytes(), &mut |delta| deltas.push(delta.into_owned()));
/// assert_eq!(deltas, [Delta::text("Hi"), Delta::finish("completed"), Delta::Done]);
/// ```
#[derive(Debug)]
pub struct InteractionsDecoder(BodyDecoder<Interactions>);

decoder!(InteractionsDecoder, Interactions::default());
