//! Whether a call may have reasoning that is not delivered, or media.

use serde_json::Value;

use super::model_name::ModelName;
use crate::event::LlmStart;

/// Returns whether a model may have reasoned unseen, by its name and what was requested.
pub(super) fn may_reason(name: &ModelName, request: Option<&LlmStart>) -> bool {
    match request.and_then(requested) {
        Some(false) => false,
        Some(true) => name.summarises_reasoning(),
        None => name.hides_reasoning(),
    }
}

/// Whether a request turns on the thinking of a Claude, as a request to that takes it.
pub(super) fn turns_thinking_on(request: &LlmStart) -> bool {
    thinking(request) == Some("enabled")
}

fn thinking(request: &LlmStart) -> Option<&str> {
    let bedrock = |name| param(request, &["additionalModelRequestFields", name, "type"]);
    let kind = param(request, &["thinking", "type"]);
    kind.or_else(|| bedrock("thinking")).or_else(|| bedrock("reasoning_config"))?.as_str()
}

fn param<'r>(request: &'r LlmStart, path: &[&str]) -> Option<&'r Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(request.params.get(*first)?, |value, name| value.get(name))
}

/// Whether a request asks for pictures or speech, whose tokens no text shows.
pub(super) fn asks_for_media(request: &LlmStart) -> bool {
    let modalities = [
        param(request, &["modalities"]),
        param(request, &["generationConfig", "responseModalities"]),
        param(request, &["generation_config", "response_modalities"]),
        param(request, &["response_modalities"]),
    ];
    let mut all = modalities.into_iter().flatten().filter_map(Value::as_array).flatten();
    all.any(|it| it.as_str().is_some_and(|it| !it.eq_ignore_ascii_case("text")))
}

/// Returns whether a request asks for reasoning. `None` if it says nothing.
fn requested(request: &LlmStart) -> Option<bool> {
    let at = |path: &[&str]| param(request, path);
    let effort =
        [at(&["reasoning_effort"]), at(&["reasoning", "effort"]), at(&["output_config", "effort"])];
    if let Some(effort) = effort.into_iter().flatten().find_map(Value::as_str) {
        return Some(effort != "none");
    }
    if let Some(kind) = thinking(request) {
        return Some(kind != "disabled");
    }
    let budget = [
        at(&["generationConfig", "thinkingConfig", "thinkingBudget"]),
        at(&["generation_config", "thinking_config", "thinking_budget"]),
        at(&["generationConfig", "thinkingConfig", "thinking_budget"]),
    ];
    let budget = budget.into_iter().flatten().find_map(Value::as_i64);
    budget.map(|tokens| tokens != 0)
}
