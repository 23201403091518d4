use opentelemetry::StringValue;

use super::value::short;
use crate::event::{Choice, LlmResult};

/// What stands for the reason of a choice that did not get to its end.
const ERROR: &str = "error";

/// Why each choice ended, in the provider's words. Of a failed run `error` stands for what is missing; of a
/// completed one, whose provider gives no reasons, there are none.
pub(super) fn finish_reasons(result: &LlmResult, failed: bool) -> Vec<StringValue> {
    let reason = |choice: &Choice| match &choice.finish_reason {
        Some(reason) => Some(short(reason)),
        None => failed.then(|| ERROR.into()),
    };
    result.choices.iter().map(reason).collect::<Option<_>>().unwrap_or_default()
}

/// The same of one choice in the conventions' words, for its message.
pub(super) fn finish_reason(choice: &Choice, failed: bool) -> String {
    let Some(reason) = choice.finish_reason.as_deref() else {
        return if failed { ERROR } else { "stop" }.to_owned();
    };
    let word = reason.to_ascii_lowercase();
    let known = match &*word {
        "stop" | "end_turn" | "stop_sequence" | "completed" => "stop",
        "length" | "max_tokens" | "max_output_tokens" | "model_context_window_exceeded" => "length",
        "tool_calls" | "tool_use" | "tool_call" | "function_call" => "tool_call",
        "content_filter" | "refusal" | "safety" | "prohibited_content" | "blocklist" | "spii" => {
            "content_filter"
        }
        _ => return super::value::cut(&word),
    };
    known.to_owned()
}
