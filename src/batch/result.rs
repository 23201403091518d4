use std::sync::Arc;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::json;
use uuid::Uuid;

use super::BatchError;
use crate::{
    event::{LlmResult, Truncated, Usage},
    redact,
};

/// The answers to several prompts: of [`Batch`](super::Batch).
///
/// As JSON it has the form of LangChain's `LLMResult`: `generations`, a list of choices for each prompt (of one
/// that failed, as far as they came), `llm_output`, and `run`, with the id of each prompt's run; and
/// `errors`, null for each prompt that was answered.
#[derive(Debug)]
#[non_exhaustive]
pub struct BatchResult {
    /// The result for each prompt, in the prompts' order; errors stand in their places.
    pub generations: Vec<Result<LlmResult, BatchError>>,
    /// The run of each prompt, in the same order; none where no run was made, since nobody was told.
    pub run_ids: Vec<Option<Uuid>>,
}

/// What the answers of a batch have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BatchSummary {
    /// The sums of what was reported for each prompt, those that failed included; none where nothing was.
    pub usage: Option<Usage>,
    /// The models that answered, in the order of the prompts, each once.
    pub models: Vec<Arc<str>>,
    /// How many prompts were answered.
    pub completed: usize,
    /// How many were not.
    pub failed: usize,
}

impl BatchResult {
    /// A place for each prompt.
    pub(super) fn of(prompts: usize) -> Self {
        // Every place is filled before anybody sees the batch.
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

    /// What there is of each answer, whole or not.
    pub fn results(&self) -> impl Iterator<Item = &LlmResult> {
        self.generations.iter().map(|result| match result {
            Ok(result) => result,
            Err(error) => error.partial(),
        })
    }

    /// What the answers have in common.
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

    /// All answers.
    ///
    /// # Errors
    ///
    /// The first error in the order of the prompts: then the answers are lost, as they are in LangChain.
    pub fn into_results(self) -> Result<Vec<LlmResult>, BatchError> {
        self.generations.into_iter().collect()
    }
}

impl Serialize for BatchResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let choices: Vec<_> = self.results().map(|result| &result.choices).collect();
        let runs: Vec<_> = self.run_ids.iter().map(|id| json!({"run_id": id})).collect();
        let error = |result: &Result<LlmResult, BatchError>| {
            let error = result.as_ref().err()?;
            Some(redact::text(&error.to_string()).into_owned())
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
