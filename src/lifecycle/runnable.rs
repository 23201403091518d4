use std::{sync::Arc, time::Duration};

use serde_json::Value;

use super::{account::Account, emitter::Emitter, new_run::NewRun};
use crate::{
    event::{
        ContentCapture, ErrorKind, EventData, EventKind, Failure, Partial, RunError, RunInput,
        RunOutput,
    },
    panics::guarded,
    run::{Run, RunType},
};

/// The account of a run of another type than a model call: its output, where that is captured.
pub(crate) struct Runnable<K> {
    run_type: RunType,
    content: ContentCapture,
    tool_call_id: Option<Arc<str>>,
    /// Whether the output is captured: a handler wants the terminal event, and no closure that reads it has panicked.
    wanted: bool,
    output: K,
}

pub(crate) type RunnableEmitter<K> = Emitter<Runnable<K>>;

/// What is known of an output so far.
pub trait PartialOutput {
    /// Returns the output as JSON, or `None` if it is not captured. Called once.
    #[doc(hidden)]
    fn finish(&mut self) -> Option<Value>;
}

/// Starts the run of a chain, tool or retriever.
pub(crate) fn start_runnable<K: PartialOutput>(
    new_run: NewRun,
    input: impl FnOnce() -> RunInput,
    output: K,
) -> RunnableEmitter<K> {
    let (content, run_type) = (new_run.content, new_run.run.run_type());
    let kind = EventKind::RunStart(run_type);
    let wants = |kind| new_run.members.iter().any(|member| member.slot.event_mask.wants(kind));
    let wanted = wants(EventKind::RunEnd(run_type)) || wants(EventKind::RunError(run_type));
    // The end of a tool's run has the id of its call, too.
    let input = (wants(kind) || wanted && run_type == RunType::Tool)
        .then(|| guarded("reading a run's input", input).unwrap_or_default());
    let tool_call_id = input.as_ref().and_then(|input| input.tool_call_id.clone());
    let start =
        || EventData::RunStart(run_type, Arc::new(content.input(input.unwrap_or_default())));
    Emitter::start(new_run, kind, start, |_| Runnable {
        run_type,
        content,
        tool_call_id,
        wanted,
        output,
    })
}

impl<K: PartialOutput> RunnableEmitter<K> {
    /// Adds to the output, if a handler wants the terminal event.
    pub(crate) fn add(&mut self, add: impl FnOnce(&mut K)) {
        if self.account.wanted && !self.is_over() {
            let read = guarded("reading a run's output", || add(&mut self.account.output));
            // A part of it would not be true.
            self.account.wanted = read.is_some();
        }
    }
}

impl<K: PartialOutput> Account for Runnable<K> {
    const ERROR_KIND: ErrorKind = ErrorKind::Failed;

    fn failure(&self, failure: Failure) -> Failure {
        self.content.failure(failure)
    }

    fn terminal(
        &mut self,
        _run: &Run,
        duration: Duration,
        _sent: bool,
        outcome: Result<(), Failure>,
    ) -> EventData {
        // The run may be ending in a drop.
        let output = guarded("turning a run's output into JSON", || self.output.finish());
        let output = output.flatten().filter(|_| self.wanted);
        let output = RunOutput {
            output: self.content.value(output),
            tool_call_id: self.tool_call_id.take(),
            duration,
        };
        match outcome {
            Ok(()) => EventData::RunEnd(self.run_type, Arc::new(output)),
            Err(failure) => {
                let error = RunError::new(failure, Partial::Run(output));
                EventData::RunError(self.run_type, Arc::new(error))
            }
        }
    }
}
