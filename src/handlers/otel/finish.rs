use opentelemetry::StringValue;

use super::value::short;
use crate::event::{Choice, LlmResult};

/// The finish reason of a choice that did not finish.
const ERROR: &str = "error";

/// Returns the provider's finish reason for each choice. A missing reason is `error` in a failed run; in a
/// completed run it makes the list empty, since the provider does not report reasons.
pub(super) fn finish_reasons(result: &LlmResult, failed: bool) -> Vec<StringValue> {
    let reason = |choice: &Choice| match &choice.finish_reason {
        Some(reason) => Some(short(reason)),
        None => failed.then(|| ERROR.into()),
    };
    result.choices.iter().map(reason).collect::<Option<_>>().unwrap_or_default()
}

/// Returns a choice's finish reason in the conventions' vocabulary, for its output message.
pub(super) fn finish_reason(choice: &Choice, failed: bool) -> String {
    let Some(reason) = choice.finish_reason.as_deref() else {
        return if failed { ERROR } else { "stop" }.to_owned();
    };
    let reason = reason.to_ascii_lowercase();
    let known = match &*reason {
        "stop" | "end_turn" | "stop_sequence" | "completed" => "stop",
        "length" | "max_tokens" | "max_output_tokens" | "model_context_window_exceeded" => "length",
        "tool_calls" | "tool_use" | "tool_call" | "function_call" => "tool_call",
        "content_filter" | "refusal" | "safety" | "prohibited_content" | "blocklist" | "spii" => {
            "content_filter"
        }
        _ => return super::value::cut(&reason),
    };
    known.to_owned()
}
