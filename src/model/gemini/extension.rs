use serde_json::json;

use crate::{chat::ChatRequest, model::fields};

/// What only Gemini has in its requests.
///
/// ```
/// use tower_llm_callbacks::{chat::ChatRequest, model::gemini::GeminiRequest};
///
/// let request = ChatRequest::new("gemini-2.5-flash").user("Hello").thinking_budget(512);
/// ```
pub trait GeminiRequest: Sized {
    /// Lets the model think, with up to so many tokens: 0 for not at all, -1 for as many as it chooses.
    #[must_use]
    fn thinking_budget(self, tokens: i32) -> Self;

    /// Begins with content that the provider has cached under a name, such as `cachedContents/1`.
    #[must_use]
    fn cached_content(self, name: impl Into<String>) -> Self;
}

impl GeminiRequest for ChatRequest {
    fn thinking_budget(mut self, tokens: i32) -> Self {
        let config = json!({"thinkingBudget": tokens});
        fields::member(&mut self.params, "generationConfig", "thinkingConfig".to_owned(), config);
        self
    }

    fn cached_content(self, name: impl Into<String>) -> Self {
        self.param("cachedContent", name.into())
    }
}
