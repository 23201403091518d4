use crate::event::LlmStart;

/// A request of an LLM service: says what the call asks for.
///
/// [`ChatRequest`](crate::chat::ChatRequest) is one. Implement it for a request type of your own;
/// for a foreign type, give [`CallbackLayer::extract`](crate::CallbackLayer::extract) two closures.
///
/// ```
/// use tower_llm_callbacks::{LlmRequest, LlmStart, Prompt};
///
/// struct Prompt(String);
///
/// impl LlmRequest for Prompt {
///     fn llm_start(&self) -> LlmStart {
///         LlmStart::new("acme", "complete")
///             .model("acme-1")
///             .messages(Prompt::json(self.0.as_str().into()))
///     }
/// }
/// # assert_eq!(&*Prompt("hi".into()).llm_start().provider, "acme");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what it asks of a model",
    label = "not an `LlmRequest`",
    note = "implement `LlmRequest` for `{Self}`, or, if the type is not yours, use `CallbackLayer::extract` with two closures"
)]
pub trait LlmRequest {
    /// What the call asks for. Called once, when the run starts, if a handler wants to hear of it.
    ///
    /// A prompt that is costly to turn into JSON belongs into
    /// [`Prompt::lazy`](crate::Prompt::lazy).
    fn llm_start(&self) -> LlmStart;

    /// The request's extensions, if it has any: they carry the current run through `tower::Buffer`
    /// and other places where the polling task changes.
    fn extensions(&self) -> Option<&http::Extensions> {
        None
    }

    /// The request's extensions, to put the run into.
    fn extensions_mut(&mut self) -> Option<&mut http::Extensions> {
        None
    }
}
