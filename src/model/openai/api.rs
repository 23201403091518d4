use crate::{
    model::answers::Answers,
    wire::{Format, openai_chat::OpenAiChat, openai_responses::OpenAiResponses},
};

/// Which of OpenAI's interfaces a model speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OpenAiApi {
    /// Chat Completions, `…/chat/completions`: what compatible servers speak.
    #[default]
    ChatCompletions,
    /// Responses, `…/responses`.
    Responses,
}

impl OpenAiApi {
    pub(super) fn answers(self) -> Answers {
        let format: &'static dyn Format = match self {
            OpenAiApi::ChatCompletions => &OpenAiChat,
            OpenAiApi::Responses => &OpenAiResponses,
        };
        Answers { format, request_id: "x-request-id" }
    }
}
