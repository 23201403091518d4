//! What every model asks of a request.

use crate::chat::{ChatRequest, ModelError};

type Checked = Result<(), ModelError>;

pub(super) fn model(request: &ChatRequest) -> Checked {
    if request.model.is_empty() && !request.params.contains_key("model") {
        return Err(ModelError::invalid("it names no model: give one to ChatRequest::new"));
    }
    Ok(())
}

/// `name` is that of the body's field: a parameter may take its place.
pub(super) fn max_tokens(request: &ChatRequest, tokens: Option<u32>, name: &str) -> Checked {
    if tokens == Some(0) && !request.params.contains_key(name) {
        return Err(ModelError::invalid("max_tokens is 0: set it to at least 1"));
    }
    Ok(())
}

/// JSON has no other numbers.
pub(super) fn numbers(request: &ChatRequest) -> Checked {
    for (name, value) in [("temperature", request.temperature), ("top_p", request.top_p)] {
        if value.is_some_and(|value| !value.is_finite()) {
            return Err(ModelError::invalid(format!("{name} is not a finite number")));
        }
    }
    Ok(())
}

/// `name` is that of the body's field: a parameter may take its place.
pub(super) fn messages<T>(request: &ChatRequest, messages: &[T], name: &str) -> Checked {
    if messages.is_empty() && !request.params.contains_key(name) {
        let what = "it has no message to answer: add one, such as with user(text)";
        return Err(ModelError::invalid(what));
    }
    Ok(())
}
