use serde_json::json;

use crate::chat::ChatRequest;

/// What only Anthropic has in its requests.
///
/// ```
/// use tower_llm_callbacks::{chat::ChatRequest, model::anthropic::AnthropicRequest};
///
/// let request = ChatRequest::new("claude-sonnet-4-5").max_tokens(4096).user("Hello").thinking(1024);
/// ```
pub trait AnthropicRequest: Sized {
    /// Lets the model think, with up to `budget_tokens` tokens of the answer's.
    #[must_use]
    fn thinking(self, budget_tokens: u32) -> Self;

    /// Lets the model think as much as it chooses. [`reasoning_effort`](ChatRequest::reasoning_effort) guides it.
    #[must_use]
    fn adaptive_thinking(self) -> Self;
}

impl AnthropicRequest for ChatRequest {
    fn thinking(self, budget_tokens: u32) -> Self {
        self.param("thinking", json!({"type": "enabled", "budget_tokens": budget_tokens}))
    }

    fn adaptive_thinking(self) -> Self {
        self.param("thinking", json!({"type": "adaptive"}))
    }
}
