use crate::event::LlmStart;

/// A request of an LLM service that describes the call.
///
/// Implemented by [`ChatRequest`](crate::chat::ChatRequest). Implement it for your own request type; for a
/// foreign type, pass closures to [`CallbackLayer::extract`](crate::CallbackLayer::extract).
///
/// ```
/// use tower_llm_callbacks::{LlmRequest, LlmStart, Prompt};
///
/// struct Question(String);
///
/// impl LlmRequest for Question {
///     fn llm_start(&self) -> LlmStart {
///         LlmStart::new("acme", "complete")
///             .model("acme-1")
///             .messages(Prompt::json(self.0.as_str().into()))
///     }
/// }
/// # assert_eq!(&*Question("hi".into()).llm_start().provider, "acme");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not describe a request to a model",
    label = "not an `LlmRequest`",
    note = "implement `LlmRequest` for `{Self}`, or, if the type is not yours, use `CallbackLayer::extract` with two closures",
    note = "calls over HTTP, such as those of an axum `Router`, are observed by `HttpCallbackLayer`"
)]
pub trait LlmRequest {
    /// Returns a description of the call. Called once, when the run starts, if a handler observes the start.
    ///
    /// Use [`Prompt::lazy`](crate::Prompt::lazy) for a prompt that is costly to convert to JSON.
    fn llm_start(&self) -> LlmStart;

    /// Returns the request's extensions, if it has any. They carry the current run through `tower::Buffer` and
    /// other layers that poll on another task.
    fn extensions(&self) -> Option<&http::Extensions> {
        None
    }

    /// Returns the request's extensions for insertion of the run.
    fn extensions_mut(&mut self) -> Option<&mut http::Extensions> {
        None
    }
}
