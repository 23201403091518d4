//! Checks of a request that all models have in common.

use crate::chat::{ChatRequest, ContentPart, ModelError};

type Checked = Result<(), ModelError>;

pub(super) fn model(request: &ChatRequest) -> Checked {
    if request.model.is_empty() && !request.params.contains_key("model") {
        return Err(ModelError::invalid("no model: pass its name to ChatRequest::new"));
    }
    Ok(())
}

/// `name` is the body's field, which a parameter may replace.
pub(super) fn max_tokens(request: &ChatRequest, tokens: Option<u32>, name: &str) -> Checked {
    if tokens == Some(0) && !request.params.contains_key(name) {
        return Err(ModelError::invalid("max_tokens is 0: it must be at least 1"));
    }
    Ok(())
}

/// JSON has only finite numbers.
pub(super) fn numbers(request: &ChatRequest) -> Checked {
    for (name, value) in [("temperature", request.temperature), ("top_p", request.top_p)] {
        if let Some(value) = value.filter(|value| !value.is_finite()) {
            let message = format!("{name} is {value}: it must be a finite number");
            return Err(ModelError::invalid(message));
        }
    }
    Ok(())
}

/// `name` is the body's field, which a parameter may replace.
pub(super) fn messages<T>(request: &ChatRequest, messages: &[T], name: &str) -> Checked {
    if messages.is_empty() && !request.params.contains_key(name) {
        let message = "no message to answer: add one, for example with ChatRequest::user";
        return Err(ModelError::invalid(message));
    }
    Ok(())
}

/// Refuses settings that an API has no place for, unless a parameter has their name. `hint` says what to do instead.
pub(super) fn refuse(request: &ChatRequest, api: &str, names: &[&str], hint: &str) -> Checked {
    for name in names {
        let is_set = match *name {
            "stop" => !request.stop.is_empty(),
            "top_k" => request.top_k.is_some(),
            "seed" => request.seed.is_some(),
            "service_tier" => request.service_tier.is_some(),
            // An API without the setting allows several calls.
            "parallel_tool_calls" => request.parallel_tool_calls == Some(false),
            "cached tool" => request.tools.iter().any(|tool| tool.cached),
            name => unreachable!("{name} is no setting"),
        };
        if is_set && !request.params.contains_key(*name) {
            return Err(ModelError::invalid(format!("{api} takes no {name}: omit it, or {hint}")));
        }
    }
    Ok(())
}

/// Returns the error of a part that an API has no form for.
pub(super) fn no_form(api: &str, part: &ContentPart) -> ModelError {
    let (kind, hint) = match part {
        ContentPart::ImageUrl { .. } => {
            ("URL of an image", "send its bytes, as ContentPart::Image")
        }
        ContentPart::FileUrl { .. } => ("URL of a file", "send its bytes, as ContentPart::File"),
        ContentPart::File { .. } => ("file", "send its text, as ContentPart::Text"),
        ContentPart::Audio { .. } => ("audio", "send its text, as ContentPart::Text"),
        ContentPart::CachePoint { .. } => ("cache point", "omit it"),
        _ => ("such part", "omit it"),
    };
    ModelError::invalid(format!("{api} takes no {kind}: {hint}"))
}
