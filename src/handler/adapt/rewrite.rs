//! Rewrites the content of events.

use std::sync::Arc;

use serde_json::Value;

use crate::event::{
    CustomEvent, EventData, Failure, LlmResult, LlmStart, Partial, Retry, RunError, RunInput,
    RunOutput,
};

/// What becomes of the content of an event other than a token.
pub(super) trait Rewrite {
    fn start(&self, start: LlmStart) -> LlmStart;
    fn result(&self, result: LlmResult) -> LlmResult;
    fn failure(&self, failure: Failure) -> Failure;
    /// The input or output of a run that is no model call.
    fn value(&self, value: Option<Value>) -> Option<Value>;
    /// The value of a custom event.
    fn custom(&self, value: Value) -> Value;
    /// The message of the error before a retry.
    fn message(&self, message: Arc<str>) -> Arc<str>;
}

/// Rewrites an event's data. Returns the data of a token as it is.
pub(super) fn rewritten(data: &EventData, by: &impl Rewrite) -> EventData {
    match data {
        EventData::LlmStart(start) => EventData::LlmStart(start_of(start, by)),
        EventData::LlmEnd(result) => EventData::LlmEnd(result_of(result, by)),
        EventData::LlmError(error) => EventData::LlmError(error_of(error, by)),
        EventData::ModelStart(run_type, start) => {
            EventData::ModelStart(*run_type, start_of(start, by))
        }
        EventData::ModelEnd(run_type, result) => {
            EventData::ModelEnd(*run_type, result_of(result, by))
        }
        EventData::ModelError(run_type, error) => {
            EventData::ModelError(*run_type, error_of(error, by))
        }
        EventData::RunStart(run_type, input) => {
            let input = RunInput::clone(input);
            let value = by.value(input.input);
            EventData::RunStart(*run_type, Arc::new(RunInput { input: value, ..input }))
        }
        EventData::RunEnd(run_type, output) => {
            EventData::RunEnd(*run_type, Arc::new(output_of(output, by)))
        }
        EventData::RunError(run_type, error) => EventData::RunError(*run_type, error_of(error, by)),
        EventData::Retry(retry) => {
            let retry = Retry::clone(retry);
            EventData::Retry(Arc::new(Retry { error: by.message(retry.error), ..retry }))
        }
        EventData::Custom(custom) => {
            let value = by.custom(custom.value.clone());
            EventData::Custom(Arc::new(CustomEvent::new(&custom.name, value)))
        }
        EventData::LlmNewToken(_) => data.clone(),
    }
}

fn start_of(start: &LlmStart, by: &impl Rewrite) -> Arc<LlmStart> {
    Arc::new(by.start(start.clone()))
}

fn result_of(result: &LlmResult, by: &impl Rewrite) -> Arc<LlmResult> {
    let mut result = result.clone();
    result.request = result.request.map(|start| start_of(&start, by));
    Arc::new(by.result(result))
}

fn output_of(output: &RunOutput, by: &impl Rewrite) -> RunOutput {
    RunOutput { output: by.value(output.output.clone()), ..output.clone() }
}

fn error_of(error: &RunError, by: &impl Rewrite) -> Arc<RunError> {
    let partial = match error.partial() {
        Partial::Llm(result) => Partial::Llm(result_of(result, by)),
        Partial::Run(output) => Partial::Run(output_of(output, by)),
    };
    Arc::new(RunError::new(by.failure(error.failure().clone()), partial))
}
