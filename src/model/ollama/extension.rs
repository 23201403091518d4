use serde_json::Value;

use crate::{chat::ChatRequest, model::fields};

/// What only Ollama has in its requests.
///
/// ```
/// use tower_llm_callbacks::{chat::ChatRequest, model::ollama::OllamaRequest};
///
/// let request = ChatRequest::new("llama3.2").user("Hello").option("num_ctx", 8192).keep_alive("10m");
/// ```
pub trait OllamaRequest: Sized {
    /// Sets one of `options`, the settings of the model.
    #[must_use]
    fn option(self, name: impl Into<String>, value: impl Into<Value>) -> Self;

    /// Sets how long the model stays in memory: a duration such as `10m`, or a number of seconds.
    #[must_use]
    fn keep_alive(self, duration: impl Into<Value>) -> Self;
}

impl OllamaRequest for ChatRequest {
    fn option(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        fields::member(&mut self.params, "options", name.into(), value.into());
        self
    }

    fn keep_alive(self, duration: impl Into<Value>) -> Self {
        self.param("keep_alive", duration)
    }
}
