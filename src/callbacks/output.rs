use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use serde_json::Value;

use super::{
    emitter::{Account, Emitter},
    fault::panic_message,
    inherit::Opened,
    lifecycle::Lifecycle,
};
use crate::{
    event::{ContentCapture, EventData, EventKind, Failure, RunError, RunInput, RunOutput},
    run::{Run, RunType},
};

/// What a chain's, tool's or retriever's run adds up to: its output, where that is captured.
pub(crate) struct Output<K> {
    run_type: RunType,
    content: ContentCapture,
    tool_call_id: Option<Arc<str>>,
    /// Whether anybody hears of the end.
    wanted: bool,
    sum: K,
}

/// What is known of an output so far.
pub trait Sum {
    /// It, as JSON; none where it is not captured. Called once.
    #[doc(hidden)]
    fn finish(&mut self) -> Option<Value>;
}

impl<K: Sum> Emitter<Output<K>> {
    /// Starts the run of a chain, tool or retriever.
    pub(crate) fn begin(opened: Opened, input: impl FnOnce() -> RunInput, sum: K) -> Self {
        let (content, attempts) = (opened.content, opened.attempts.clone());
        let run_type = opened.run.run_type();
        let Kinds { start: kind, end, error } = Kinds::of(run_type);
        let wants = |kind| opened.cells.iter().any(|cell| cell.interests.contains(kind));
        let wanted = wants(end) || wants(error);
        // The end of a tool's run tells the id of its call, too.
        let input = (wants(kind) || wanted && run_type == RunType::Tool).then(input);
        let tool_call_id = input.as_ref().and_then(|input| input.tool_call_id.clone());
        let start = || start(run_type, Arc::new(content.input(input.unwrap_or_default())));
        let life = Lifecycle::start(opened, kind, start);
        Self::of(life, Output { run_type, content, tool_call_id, wanted, sum }, attempts)
    }

    /// Adds to what its terminal event tells of its output, if anybody hears of it.
    pub(crate) fn add(&mut self, add: impl FnOnce(&mut K)) {
        if self.account.wanted && !self.is_over() {
            // The closure is the user's.
            self.begin_chunk();
            add(&mut self.account.sum);
            self.end_chunk();
        }
    }
}

impl<K: Sum> Account for Output<K> {
    fn failure(&self, failure: Failure) -> Failure {
        self.content.failure(failure)
    }

    fn complete(&mut self) {}

    fn terminal(&mut self, run: &Run, outcome: Result<(), Failure>) -> EventData {
        // Turning it into JSON is the user's code, and the run may be ending in a drop.
        let finish = || self.sum.finish().filter(|_| self.wanted);
        let output = catch_unwind(AssertUnwindSafe(finish)).unwrap_or_else(|payload| {
            panic_message(payload);
            tracing::error!(target: "tower_llm_callbacks", "turning a run's output into JSON panicked");
            None
        });
        let output = RunOutput {
            output: self.content.value(output),
            tool_call_id: self.tool_call_id.take(),
            duration: run.elapsed(),
        };
        match outcome {
            Ok(()) => end(self.run_type, Arc::new(output)),
            Err(failure) => error(self.run_type, Arc::new(RunError::of_runnable(failure, output))),
        }
    }
}

struct Kinds {
    start: EventKind,
    end: EventKind,
    error: EventKind,
}

impl Kinds {
    fn of(run_type: RunType) -> Self {
        use EventKind::*;
        let (start, end, error) = match run_type {
            RunType::Tool => (ToolStart, ToolEnd, ToolError),
            RunType::Retriever => (RetrieverStart, RetrieverEnd, RetrieverError),
            RunType::Chain | RunType::Llm => (ChainStart, ChainEnd, ChainError),
        };
        Self { start, end, error }
    }
}

fn start(run_type: RunType, input: Arc<RunInput>) -> EventData {
    match run_type {
        RunType::Tool => EventData::ToolStart(input),
        RunType::Retriever => EventData::RetrieverStart(input),
        RunType::Chain | RunType::Llm => EventData::ChainStart(input),
    }
}

fn end(run_type: RunType, output: Arc<RunOutput>) -> EventData {
    match run_type {
        RunType::Tool => EventData::ToolEnd(output),
        RunType::Retriever => EventData::RetrieverEnd(output),
        RunType::Chain | RunType::Llm => EventData::ChainEnd(output),
    }
}

fn error(run_type: RunType, error: Arc<RunError>) -> EventData {
    match run_type {
        RunType::Tool => EventData::ToolError(error),
        RunType::Retriever => EventData::RetrieverError(error),
        RunType::Chain | RunType::Llm => EventData::ChainError(error),
    }
}
