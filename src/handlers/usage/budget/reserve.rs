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
    /// Returns the tokens of input and of output. `start` is what handlers get of the request, `whole` all of it, and
    /// `input` its estimate.
    pub(super) fn tokens(
        &self,
        run: &Run,
        start: &LlmStart,
        whole: &LlmStart,
        input: u64,
    ) -> (u64, u64) {
        match self {
            ReserveRule::Requested if run.run_type() == RunType::Llm => (input, requested(whole)),
            // Other models have no limit of their answer.
            ReserveRule::Requested => (input, 0),
            ReserveRule::Tokens(tokens) => (0, *tokens),
            ReserveRule::Closure(estimate) => (0, estimate(run, start)),
        }
    }
}

/// Names of the limit of an answer: of OpenAI, Anthropic, Gemini, Converse and AI21, Nova and text-generation-inference,
/// Titan, Llama, Ollama and llama.cpp.
const LENGTHS: [&str; 11] = [
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "max_tokens_to_sample",
    "maxOutputTokens",
    "maxTokens",
    "max_new_tokens",
    "maxTokenCount",
    "max_gen_len",
    "num_predict",
    "n_predict",
];
/// Names of the number of answers that are generated, whether or not all are delivered.
const CHOICES: [&str; 7] = [
    "n",
    "best_of",
    "candidateCount",
    "candidate_count",
    "num_generations",
    "num_return_sequences",
    "numResults",
];
/// The objects in which some interfaces have them.
const PLACES: [&str; 6] = [
    "generationConfig",
    "generation_config",
    "inferenceConfig",
    "textGenerationConfig",
    "options",
    "parameters",
];

/// Returns the request's limit for the answer, all choices together.
fn requested(start: &LlmStart) -> u64 {
    let inner = PLACES.into_iter().filter_map(|place| start.params.get(place)?.as_object());
    let places: Vec<_> = inner.chain([&start.params]).collect();
    // The largest of several, since it is unknown which one the provider applies.
    let largest = |names: &[&str]| {
        let values = places.iter().flat_map(|place| names.iter().filter_map(|it| place.get(*it)));
        values.filter_map(number).max()
    };
    let length = largest(&LENGTHS).unwrap_or(0);
    let choices = largest(&CHOICES).unwrap_or(1).max(1);
    length.saturating_mul(choices).saturating_mul(prompts(start))
}

/// Returns a count. Some clients send it as a float.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_f64().map(|number| number.ceil() as u64))
}

/// Returns the number of prompts, each of which is answered. Those of text completions are the messages.
fn prompts(start: &LlmStart) -> u64 {
    let several = matches!(&*start.api, "completions" | "completion");
    let prompts = start.messages.get().filter(|_| several).and_then(Value::as_array);
    prompts.map_or(1, |prompts| prompts.len().max(1) as u64)
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
