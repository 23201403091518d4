use crate::event::{LlmResult, Usage};

/// The usage of a run, reported and estimated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    /// The usage that the provider reported, if any.
    pub(super) reported: Option<Usage>,
    /// Token events that no report covers, each counted as one token.
    pub(super) counted: u64,
}

impl Measured {
    /// Measures a run. The last report of a run that did not complete may be an early one: Anthropic's first event
    /// reports the input and about one output token.
    pub(super) fn of(result: &LlmResult, completed: bool) -> Self {
        let reported = result.usage;
        let counted = match reported {
            Some(_) if completed => 0,
            Some(usage) => result.tokens.saturating_sub(usage.output_tokens),
            None => result.tokens,
        };
        Self { reported, counted }
    }

    /// Returns the tokens of all kinds.
    pub(super) fn tokens(&self) -> u64 {
        let usage = self.reported.unwrap_or_default();
        // Some providers report a total that is larger than its parts.
        let parts = usage.input_tokens.saturating_add(usage.output_tokens);
        usage.total_tokens.max(parts).saturating_add(self.counted)
    }

    pub(super) fn is_zero(&self) -> bool {
        self.tokens() == 0
    }
}
