use std::path::Path;

use axum::Router;
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

/// Wraps a service in the callback layer. Requests other than LLM calls pass through unobserved.
pub(crate) fn observed(app: Router, callbacks: &Callbacks, content: ContentCapture) -> Router {
    app.layer(HttpCallbackLayer::new(callbacks.clone()).name("gateway").content(content))
}
