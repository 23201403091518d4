use crate::{
    chat::{ChatRequest, ContentPart, ModelError, Role},
    model::check,
};

/// What both interfaces ask of a request; `max_tokens` is the name of the body's field.
pub(super) fn request(request: &ChatRequest, max_tokens: &str) -> Result<(), ModelError> {
    check::model(request)?;
    check::max_tokens(request, request.max_tokens, max_tokens)?;
    check::numbers(request)?;
    let others = request.messages.iter().filter(|message| message.role != Role::Assistant);
    let mut parts = others.flat_map(|message| &message.content);
    // Servers pass over them in silence, or take the whole message for the assistant's.
    if parts.any(|part| matches!(part, ContentPart::ToolCall { .. })) {
        let what = "it has a tool call that is not the assistant's: put it into a message of the \
                    role assistant";
        return Err(ModelError::invalid(what));
    }
    Ok(())
}
