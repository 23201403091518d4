use std::path::Path;

use axum::Router;
use tower::BoxError;
use tower_llm_callbacks::{
    Callbacks, ContentCapture, HttpCallbackLayer, Registration, handlers::JsonLines,
};

/// Who is told of the calls.
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

/// The same service, with callbacks around it. What is no LLM call passes unobserved.
pub(crate) fn observed(app: Router, callbacks: &Callbacks, content: ContentCapture) -> Router {
    app.layer(HttpCallbackLayer::new(callbacks.clone()).name("gateway").content(content))
}
