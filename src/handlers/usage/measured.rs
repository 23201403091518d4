use crate::event::{LlmResult, Usage};

/// What a run used, as far as it is known, and how it is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    /// What the provider said; none where it said nothing.
    pub(super) reported: Option<Usage>,
    /// Pieces of the answer that no report covers: each stands for a token.
    pub(super) counted: u64,
}

impl Measured {
    /// A provider's report of a run that did not complete may be that of its beginning: Anthropic's first
    /// event has the input, and an output of a token or so.
    pub(super) fn of(result: &LlmResult, completed: bool) -> Self {
        let reported = result.usage;
        let counted = match reported {
            Some(_) if completed => 0,
            Some(usage) => result.tokens.saturating_sub(usage.output_tokens),
            None => result.tokens,
        };
        Self { reported, counted }
    }

    /// Tokens of all kinds.
    pub(super) fn tokens(&self) -> u64 {
        let usage = self.reported.unwrap_or_default();
        // Some providers' total has more in it than its parts.
        let parts = usage.input_tokens.saturating_add(usage.output_tokens);
        usage.total_tokens.max(parts).saturating_add(self.counted)
    }

    /// Whether there is nothing to pay for.
    pub(super) fn is_nothing(&self) -> bool {
        self.tokens() == 0
    }
}
