use std::path::Path;

use tower::BoxError;
use tower_llm_callbacks::{
    Callbacks, ContentCapture, HttpCallbackLayer, Registration, handlers::JsonLines,
};

/// Creates the callbacks, with a handler that writes events if there is a file for them.
pub(crate) fn callbacks(file: Option<&Path>) -> Result<Callbacks, BoxError> {
    let callbacks = Callbacks::new().on_fault(|fault| eprintln!("{fault}"));
    let Some(file) = file else { return Ok(callbacks) };
    let lines = if file == Path::new("-") {
        JsonLines::stdout()
    } else {
        JsonLines::open(file).map_err(|error| format!("--events {}: {error}", file.display()))?
    };
    Ok(callbacks.add(Registration::blocking(lines)))
}

/// Creates the callback layer. Requests other than LLM calls pass through it unobserved.
pub(crate) fn layer(callbacks: &Callbacks, content: ContentCapture) -> HttpCallbackLayer {
    HttpCallbackLayer::new(callbacks.clone()).name("gateway").content(content)
}
