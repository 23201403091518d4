//! Words for what a model call does, as telemetry has them.

use crate::event::LlmStart;

/// The operation of OpenTelemetry's GenAI conventions (`gen_ai.operation.name`) that an interface is for.
pub(super) fn operation(start: &LlmStart) -> &'static str {
    match &*start.api {
        "completions" | "generate" => "text_completion",
        "generate_content" => "generate_content",
        _ => "chat",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_that_complete_a_text_are_no_chats() {
        let of = |api| operation(&LlmStart::new("p", api));
        for (api, is) in [
            ("messages", "chat"),
            ("chat_completions", "chat"),
            ("completions", "text_completion"),
            ("generate", "text_completion"),
            ("generate_content", "generate_content"),
        ] {
            assert_eq!(of(api), is, "{api}");
        }
    }
}
