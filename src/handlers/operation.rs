//! Words for what a model call does, as telemetry has them.

use crate::event::LlmStart;

/// The operation of OpenTelemetry's GenAI conventions that an interface is for.
pub(super) fn operation(start: &LlmStart) -> &'static str {
    match &*start.api {
        "completions" => "text_completion",
        "generate_content" => "generate_content",
        _ => "chat",
    }
}
