use crate::model::base_url::BaseUrl;

/// The OpenAI API of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OpenAiApi {
    /// Chat Completions, `…/chat/completions`, which compatible servers support.
    #[default]
    ChatCompletions,
    /// Responses, `…/responses`.
    Responses,
}

impl OpenAiApi {
    pub(super) fn base_url(self) -> BaseUrl {
        BaseUrl {
            example: "https://api.openai.com/v1",
            path: match self {
                OpenAiApi::ChatCompletions => "/chat/completions",
                OpenAiApi::Responses => "/responses",
            },
            excess: &["/completions", "/responses"],
        }
    }
}

/// The field of Chat Completions that carries a request's `max_tokens`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum MaxTokensField {
    /// `max_completion_tokens`, the only field that OpenAI's reasoning models accept.
    #[default]
    MaxCompletionTokens,
    /// `max_tokens`, the old field, for servers that reject or ignore the new one.
    MaxTokens,
}

impl MaxTokensField {
    pub(super) fn name(self) -> &'static str {
        match self {
            MaxTokensField::MaxCompletionTokens => "max_completion_tokens",
            MaxTokensField::MaxTokens => "max_tokens",
        }
    }
}
