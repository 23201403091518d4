use std::{fmt, sync::Arc};

use serde_json::Value;

use crate::{event::LlmStart, run::Run};

/// How many tokens a run reserves when it starts.
#[derive(Clone, Default)]
pub(super) enum Reserve {
    /// As many as the request allows the answer; none where it does not say.
    #[default]
    Asked,
    Tokens(u64),
    Closure(Arc<Estimate>),
}

type Estimate = dyn Fn(&Run, &LlmStart) -> u64 + Send + Sync;

impl Reserve {
    pub(super) fn tokens(&self, run: &Run, start: &LlmStart) -> u64 {
        match self {
            Reserve::Asked => asked(start),
            Reserve::Tokens(tokens) => *tokens,
            Reserve::Closure(estimate) => estimate(run, start),
        }
    }
}

/// How long an answer the request allows, of all choices together.
fn asked(start: &LlmStart) -> u64 {
    let number = |path: &[&str]| {
        let (first, rest) = path.split_first()?;
        let value = rest.iter().try_fold(start.params.get(*first)?, |value, key| value.get(key));
        value.and_then(Value::as_u64)
    };
    // Of several the largest, for nobody knows which one the provider goes by.
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

impl fmt::Debug for Reserve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reserve::Asked => f.write_str("Asked"),
            Reserve::Tokens(tokens) => f.debug_tuple("Tokens").field(tokens).finish(),
            Reserve::Closure(_) => f.write_str("Closure(..)"),
        }
    }
}
