//! Checks of a request that all models have in common.

use crate::chat::{ChatRequest, ModelError};

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
