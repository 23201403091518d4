use std::{error::Error, sync::Arc};

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::json;
use uuid::Uuid;

use super::BatchError;
use crate::{
    event::{LlmResult, Truncated, Usage},
    redact,
};

/// The results of a [`Batch`](super::Batch).
///
/// Serialises like LangChain's `LLMResult`: `generations` is a list of choices for each prompt (partial if its call
/// failed), `llm_output` the [summary](BatchSummary), and `run` has the id of each prompt's run. `errors` is added: the
/// message of each failed call's error and its sources, without secrets, and null for each completed call.
#[derive(Debug)]
#[non_exhaustive]
pub struct BatchResult {
    /// The result or error for each prompt, in the order of the prompts.
    pub generations: Vec<Result<LlmResult, BatchError>>,
    /// The id of each prompt's run, in the same order. `None` if no run was made: the call was
    /// unobserved, or failed before it was made.
    pub run_ids: Vec<Option<Uuid>>,
}

/// A summary of the answers of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BatchSummary {
    /// The sum of the reported usage, including that of failed calls. `None` if no usage was reported.
    pub usage: Option<Usage>,
    /// The models that answered, without duplicates, in the order of the prompts.
    pub models: Vec<Arc<str>>,
    /// The number of completed calls.
    pub completed: usize,
    /// The number of failed calls.
    pub failed: usize,
}

impl BatchResult {
    /// Creates a result with a placeholder for each prompt.
    pub(super) fn of(prompts: usize) -> Self {
        // Replaced before the batch is returned.
        let unfilled = || Err(BatchError::new(Truncated.into(), LlmResult::default()));
        Self {
            generations: (0..prompts).map(|_| unfilled()).collect(),
            run_ids: vec![None; prompts],
        }
    }

    pub(super) fn set(
        &mut self,
        index: usize,
        result: Result<LlmResult, BatchError>,
        run_id: Option<Uuid>,
    ) {
        self.generations[index] = result;
        self.run_ids[index] = run_id;
    }

    /// Returns the result of each call, which is partial if the call failed.
    pub fn results(&self) -> impl Iterator<Item = &LlmResult> {
        self.generations.iter().map(|result| match result {
            Ok(result) => result,
            Err(error) => error.partial(),
        })
    }

    /// Returns a summary of the answers.
    pub fn llm_output(&self) -> BatchSummary {
        let mut output = BatchSummary::default();
        for result in self.results() {
            if let Some(usage) = &result.usage {
                output.usage = Some(output.usage.unwrap_or_default().plus(usage));
            }
            if let Some(model) = &result.model
                && !output.models.contains(model)
            {
                output.models.push(Arc::clone(model));
            }
        }
        output.completed = self.generations.iter().filter(|result| result.is_ok()).count();
        output.failed = self.generations.len() - output.completed;
        output
    }

    /// Returns all answers.
    ///
    /// # Errors
    ///
    /// Returns the first error in the order of the prompts. The answers are then lost, as they are in LangChain.
    pub fn into_results(self) -> Result<Vec<LlmResult>, BatchError> {
        self.generations.into_iter().collect()
    }
}

impl Serialize for BatchResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let choices: Vec<_> = self.results().map(|result| &result.choices).collect();
        let runs: Vec<_> = self.run_ids.iter().map(|id| json!({"run_id": id})).collect();
        let error = |result: &Result<LlmResult, BatchError>| {
            let call = result.as_ref().err()?.source()?;
            Some(redact::error_chain(call))
        };
        let errors: Vec<_> = self.generations.iter().map(error).collect();
        let mut batch = serializer.serialize_map(Some(4))?;
        batch.serialize_entry("generations", &choices)?;
        batch.serialize_entry("llm_output", &self.llm_output())?;
        batch.serialize_entry("run", &runs)?;
        batch.serialize_entry("errors", &errors)?;
        batch.end()
    }
}
