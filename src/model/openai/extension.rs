use serde_json::Value;

use crate::chat::ChatRequest;

/// What only OpenAI has in its requests.
///
/// ```
/// use tower_llm_callbacks::{chat::ChatRequest, model::openai::OpenAiRequest};
///
/// let first_id = "resp_1"; // the id of the last result
/// let request = ChatRequest::new("gpt-5-mini").user("And why?").previous_response_id(first_id);
/// ```
pub trait OpenAiRequest: Sized {
    /// Continues the conversation of an answer that the provider has stored. For the Responses API.
    #[must_use]
    fn previous_response_id(self, id: impl Into<String>) -> Self;

    /// Sets whether the provider stores the answer.
    #[must_use]
    fn store(self, store: bool) -> Self;

    /// Adds what the answer includes beside its content, such as `reasoning.encrypted_content`. For the Responses API.
    #[must_use]
    fn include(self, what: impl Into<String>) -> Self;
}

impl OpenAiRequest for ChatRequest {
    fn previous_response_id(self, id: impl Into<String>) -> Self {
        self.param("previous_response_id", id.into())
    }

    fn store(self, store: bool) -> Self {
        self.param("store", store)
    }

    fn include(mut self, what: impl Into<String>) -> Self {
        let what = Value::from(what.into());
        match self.params.get_mut("include") {
            Some(Value::Array(all)) => all.push(what),
            _ => drop(self.params.insert("include".to_owned(), vec![what].into())),
        }
        self
    }
}
