use std::{fmt, sync::Arc};

use serde_json::Value;

use crate::{
    event::LlmStart,
    run::{Run, RunType},
};

/// The rule that sets how many tokens of input and of output a run reserves at its start.
#[derive(Clone, Default)]
pub(super) enum ReserveRule {
    /// The estimate of the request, and its limit for the answer: 0 if it has none.
    #[default]
    Requested,
    Tokens(u64),
    Closure(Arc<Estimate>),
}

type Estimate = dyn Fn(&Run, &LlmStart) -> u64 + Send + Sync;

impl ReserveRule {
    /// Returns the tokens of input and of output. `input` is the estimate of the request.
    pub(super) fn tokens(&self, run: &Run, start: &LlmStart, input: u64) -> (u64, u64) {
        match self {
            ReserveRule::Requested if run.run_type() == RunType::Llm => (input, requested(start)),
            // Other models have no limit of their answer.
            ReserveRule::Requested => (input, 0),
            ReserveRule::Tokens(tokens) => (0, *tokens),
            ReserveRule::Closure(estimate) => (0, estimate(run, start)),
        }
    }
}

/// Returns the request's limit for the answer, all choices together.
fn requested(start: &LlmStart) -> u64 {
    let number = |path: &[&str]| {
        let (first, rest) = path.split_first()?;
        let value = rest.iter().try_fold(start.params.get(*first)?, |value, key| value.get(key));
        value.and_then(Value::as_u64)
    };
    // The largest of several limits, since it is unknown which one the provider applies.
    const LENGTHS: [&[&str]; 5] = [
        &["max_tokens"],
        &["max_completion_tokens"],
        &["max_output_tokens"],
        &["generationConfig", "maxOutputTokens"],
        &["options", "num_predict"],
    ];
    const CHOICES: [&[&str]; 2] = [&["n"], &["generationConfig", "candidateCount"]];
    let length = LENGTHS.into_iter().filter_map(number).max().unwrap_or(0);
    let choices = CHOICES.into_iter().filter_map(number).max().unwrap_or(1);
    length.saturating_mul(choices.max(1))
}

impl fmt::Debug for ReserveRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReserveRule::Requested => f.write_str("Requested"),
            ReserveRule::Tokens(tokens) => f.debug_tuple("Tokens").field(tokens).finish(),
            ReserveRule::Closure(_) => f.write_str("Closure(..)"),
        }
    }
}
