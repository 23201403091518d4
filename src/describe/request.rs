use crate::event::LlmStart;

/// A request of an LLM service: says what the call asks for.
///
/// [`ChatRequest`](crate::chat::ChatRequest) is one. Implement it for a request type of your own;
/// for a foreign type, give [`CallbackLayer::describe`](crate::CallbackLayer::describe) two closures.
///
/// ```
/// use tower_llm_callbacks::{LlmRequest, LlmStart, Messages};
///
/// struct Prompt(String);
///
/// impl LlmRequest for Prompt {
///     fn describe(&self) -> LlmStart {
///         LlmStart::new("acme", "complete")
///             .model("acme-1")
///             .messages(Messages::json(self.0.as_str().into()))
///     }
/// }
/// # assert_eq!(&*Prompt("hi".into()).describe().provider, "acme");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what it asks of a model",
    label = "not an `LlmRequest`",
    note = "implement `LlmRequest` for `{Self}`, or, if the type is not yours, use `CallbackLayer::describe` with two closures"
)]
pub trait LlmRequest {
    /// What the call asks for. Called once, when the run starts, if a handler wants to hear of it.
    ///
    /// A prompt that is costly to turn into JSON belongs into
    /// [`Messages::lazy`](crate::Messages::lazy).
    fn describe(&self) -> LlmStart;

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
