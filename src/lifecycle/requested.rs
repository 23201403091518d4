use std::sync::Arc;

use super::accounting::{Accounting, CallEnd};
use crate::{
    estimate::{AnswerCount, Counting},
    event::{Delta, LlmResult, LlmStart},
    run::Run,
};

/// What was requested, and what is counted for its terminal event.
pub(super) struct Requested {
    /// The start event as handlers get it.
    start: Arc<LlmStart>,
    accounting: Arc<Accounting>,
    /// Where handlers do not get all of the content.
    pub(super) limited: Option<Box<Limited>>,
}

/// What usage is estimated from if the content is not captured in full. It is only counted.
pub(super) struct Limited {
    start: Arc<LlmStart>,
    /// By the index of the choice.
    choices: Vec<(u32, Counting)>,
}

impl Requested {
    /// `start` is what handlers get of `full`.
    pub(super) fn new(
        start: Arc<LlmStart>,
        full: Arc<LlmStart>,
        accounting: Arc<Accounting>,
    ) -> Self {
        let limited = (!Arc::ptr_eq(&full, &start))
            .then(|| Box::new(Limited { start: full, choices: Vec::new() }));
        Self { start, accounting, limited }
    }

    /// Returns all of what was requested.
    pub(super) fn full(&self) -> &LlmStart {
        self.limited.as_ref().map_or(&self.start, |limited| &limited.start)
    }

    /// Counts a delta whose content may not be captured.
    pub(super) fn count(&mut self, delta: &Delta<'_>) {
        if let Some(limited) = &mut self.limited {
            limited.count(delta);
        }
    }

    /// Completes the result of the call: its usage, what was requested, and its cost.
    pub(super) fn complete(&self, result: &mut LlmResult, end: CallEnd, run: &Run) {
        let count = self.limited.as_ref().map(|limited| limited.total());
        self.accounting.settle(result, self.full(), count.as_ref(), end);
        result.request = Some(Arc::clone(&self.start));
        self.accounting.price(result, run);
    }
}

impl Limited {
    fn count(&mut self, delta: &Delta<'_>) {
        let (Delta::Text { choice, .. }
        | Delta::Reasoning { choice, .. }
        | Delta::Refusal { choice, .. }
        | Delta::ToolCall { choice, .. }) = delta
        else {
            return;
        };
        let known = self.choices.iter().position(|(known, _)| known == choice);
        let at = known.unwrap_or_else(|| {
            self.choices.push((*choice, Counting::default()));
            self.choices.len() - 1
        });
        let answer = &mut self.choices[at].1;
        match delta {
            Delta::Text { text, .. } | Delta::Refusal { text, .. } => answer.count.text(text),
            Delta::Reasoning { text, .. } => answer.count.reasoning(text),
            Delta::ToolCall { index, name, arguments, .. } => {
                answer.tool_call((*choice, *index), name.as_deref(), arguments);
            }
            _ => {}
        }
    }

    fn total(&self) -> AnswerCount {
        let mut total = AnswerCount::default();
        self.choices.iter().for_each(|(_, answer)| total.merge(&answer.count));
        total
    }
}
