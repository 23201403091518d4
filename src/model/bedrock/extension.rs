use serde_json::{Value, json};

use crate::{chat::ChatRequest, model::fields};

/// What only Amazon Bedrock has in its requests.
///
/// ```
/// use tower_llm_callbacks::{chat::ChatRequest, model::bedrock::BedrockRequest};
///
/// let request = ChatRequest::new("anthropic.claude-sonnet-4-5")
///     .user("Hello")
///     .model_field("top_k", 50)
///     .guardrail("gr-1", "DRAFT");
/// ```
pub trait BedrockRequest: Sized {
    /// Sets a field of the model's own request, in `additionalModelRequestFields`.
    #[must_use]
    fn model_field(self, name: impl Into<String>, value: impl Into<Value>) -> Self;

    /// Applies a guardrail, in a version of it.
    #[must_use]
    fn guardrail(self, id: &str, version: &str) -> Self;
}

impl BedrockRequest for ChatRequest {
    fn model_field(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let name = name.into();
        fields::member(&mut self.params, "additionalModelRequestFields", name, value.into());
        self
    }

    fn guardrail(self, id: &str, version: &str) -> Self {
        let config = json!({"guardrailIdentifier": id, "guardrailVersion": version});
        self.param("guardrailConfig", config)
    }
}
