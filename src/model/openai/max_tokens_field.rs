/// The field in which Chat Completions is told the most tokens that an answer may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum MaxTokensField {
    /// `max_completion_tokens`: the only one that OpenAI's reasoning models take.
    #[default]
    MaxCompletionTokens,
    /// `max_tokens`, the old one: for servers that refuse or overlook the new one.
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
