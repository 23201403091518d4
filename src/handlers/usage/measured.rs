use crate::event::{LlmResult, Usage};

/// The usage of a run, reported and estimated.
#[derive(Debug, Clone)]
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
        let reported = result.usage.clone();
        let output = reported.as_ref().and_then(|usage| usage.output_tokens);
        let counted = match output {
            Some(_) if completed => 0,
            Some(output) => result.tokens.saturating_sub(output),
            None => result.tokens,
        };
        Self { reported, counted }
    }

    /// Returns the tokens of all kinds.
    pub(super) fn tokens(&self) -> u64 {
        let count =
            |of: fn(&Usage) -> Option<u64>| self.reported.as_ref().and_then(of).unwrap_or(0);
        // Some providers report a total that is larger than its parts.
        let parts = count(|it| it.input_tokens).saturating_add(count(|it| it.output_tokens));
        count(|it| it.total_tokens).max(parts).saturating_add(self.counted)
    }

    pub(super) fn is_zero(&self) -> bool {
        self.tokens() == 0
    }
}
