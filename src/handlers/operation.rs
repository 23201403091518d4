//! Names of model operations, as telemetry uses them.

use crate::{event::LlmStart, run::RunType};

/// Returns the `gen_ai.operation.name` of OpenTelemetry's GenAI conventions for a model call. They have none for ranking and
/// moderation, and `fetch_response` since they have a repository of their own.
pub(super) fn operation(run_type: RunType, start: &LlmStart) -> &'static str {
    if start.fetched {
        return "fetch_response";
    }
    match run_type {
        RunType::Embedding => return "embeddings",
        RunType::Rerank | RunType::Moderation => return run_type.as_str(),
        // The type of the output distinguishes them.
        RunType::Image | RunType::Audio => return "generate_content",
        _ => {}
    }
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
        let of = |api| operation(RunType::Llm, &LlmStart::new("p", api));
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
        let fetch = LlmStart::new("p", "responses").fetched(true);
        assert_eq!(operation(RunType::Llm, &fetch), "fetch_response");
        let embeddings = operation(RunType::Embedding, &LlmStart::new("p", "completions"));
        assert_eq!(embeddings, "embeddings");
    }
}
