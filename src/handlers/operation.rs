//! Names of model operations, as telemetry uses them.

use crate::event::LlmStart;

/// Returns the `gen_ai.operation.name` of OpenTelemetry's GenAI conventions for the API of a model call.
pub(super) fn operation(start: &LlmStart) -> &'static str {
    match &*start.api {
        "completions" | "generate" | "complete" | "completion" | "infill" | "generation" => {
            "text_completion"
        }
        "generate_content" => "generate_content",
        _ => "chat",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completion_apis_are_not_named_chat() {
        let of = |api| operation(&LlmStart::new("p", api));
        for (api, is) in [
            ("messages", "chat"),
            ("chat_completions", "chat"),
            ("completions", "text_completion"),
            ("generate", "text_completion"),
            ("complete", "text_completion"),
            ("conversations", "chat"),
            ("generate_content", "generate_content"),
        ] {
            assert_eq!(of(api), is, "{api}");
        }
    }
}
