use std::{sync::Arc, time::SystemTime};

use super::{
    CustomEvent, ErrorKind, EventKind, Failure, LlmResult, LlmStart, Partial, Retry, RunError,
    RunInput, RunOutput, Token,
};
use crate::run::RunType;

/// One event of a run, as [`on_event`](crate::CallbackHandler::on_event) receives it.
#[derive(Debug, Clone)]
pub struct Event {
    pub(super) seq: u64,
    time: Option<SystemTime>,
    pub(super) data: EventData,
}

/// The payload of an event, by kind.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum EventData {
    /// A call of a language model started.
    LlmStart(Arc<LlmStart>),
    /// A piece of a model's answer arrived.
    LlmNewToken(Token),
    /// A call of a language model completed.
    LlmEnd(Arc<LlmResult>),
    /// A call of a language model failed or was cancelled.
    LlmError(Arc<RunError>),
    /// A call of a model of another kind started: of embeddings, ranking, images, audio or moderation.
    ModelStart(RunType, Arc<LlmStart>),
    /// A call of a model of another kind completed.
    ModelEnd(RunType, Arc<LlmResult>),
    /// A call of a model of another kind failed or was cancelled.
    ModelError(RunType, Arc<RunError>),
    /// A run of another type started: a chain, tool or retriever.
    RunStart(RunType, Arc<RunInput>),
    /// A run of another type completed.
    RunEnd(RunType, Arc<RunOutput>),
    /// A run of another type failed or was cancelled.
    RunError(RunType, Arc<RunError>),
    /// Another attempt of a call started.
    Retry(Arc<Retry>),
    /// An event of the application.
    Custom(Arc<CustomEvent>),
}

impl EventData {
    /// Returns the kind of the event.
    pub fn kind(&self) -> EventKind {
        match self {
            EventData::LlmStart(_) => EventKind::LlmStart,
            EventData::LlmNewToken(_) => EventKind::LlmNewToken,
            EventData::LlmEnd(_) => EventKind::LlmEnd,
            EventData::LlmError(_) => EventKind::LlmError,
            EventData::RunStart(run_type, _) | EventData::ModelStart(run_type, _) => {
                EventKind::RunStart(*run_type)
            }
            EventData::RunEnd(run_type, _) | EventData::ModelEnd(run_type, _) => {
                EventKind::RunEnd(*run_type)
            }
            EventData::RunError(run_type, _) | EventData::ModelError(run_type, _) => {
                EventKind::RunError(*run_type)
            }
            EventData::Retry(_) => EventKind::Retry,
            EventData::Custom(_) => EventKind::Custom,
        }
    }

    /// Returns what is known of a model's call at its start: a call of a language model or of another model.
    ///
    /// With [`result`](Self::result) and [`error`](Self::error), a handler of all models needs no arm for each.
    ///
    /// ```
    /// use tower_llm_callbacks::on_event;
    ///
    /// let handler = on_event(|run, event| {
    ///     if let Some(result) = event.data().result() {
    ///         println!("{}: {:?} {:?}", run.run_type(), result.usage, event.data().error());
    ///     }
    /// });
    /// ```
    pub fn model_start(&self) -> Option<&Arc<LlmStart>> {
        match self {
            Self::LlmStart(start) | Self::ModelStart(_, start) => Some(start),
            _ => None,
        }
    }

    /// Returns the result at the end of a model's call, which is partial after an error.
    pub fn result(&self) -> Option<&LlmResult> {
        match self {
            Self::LlmEnd(result) | Self::ModelEnd(_, result) => Some(result),
            _ => self.error().and_then(RunError::result),
        }
    }

    /// Returns the error of a run of any type that failed or was cancelled.
    pub fn error(&self) -> Option<&RunError> {
        match self {
            Self::LlmError(error) | Self::ModelError(_, error) | Self::RunError(_, error) => {
                Some(error)
            }
            _ => None,
        }
    }

    /// Returns the start of a call of a model.
    pub(crate) fn of_start(run_type: RunType, start: Arc<LlmStart>) -> Self {
        match run_type {
            RunType::Llm => Self::LlmStart(start),
            other => Self::ModelStart(other, start),
        }
    }

    /// Returns the end of a call of a model that completed.
    pub(crate) fn of_end(run_type: RunType, result: Arc<LlmResult>) -> Self {
        match run_type {
            RunType::Llm => Self::LlmEnd(result),
            other => Self::ModelEnd(other, result),
        }
    }

    /// Returns the end of a run of any type that failed.
    pub(crate) fn of_error(run_type: RunType, error: RunError) -> Self {
        let error = Arc::new(error);
        match run_type {
            RunType::Llm => Self::LlmError(error),
            other if other.is_model_call() => Self::ModelError(other, error),
            other => Self::RunError(other, error),
        }
    }

    /// Returns the terminal event of the same run, failed.
    pub(crate) fn failed(self, failure: Failure) -> Self {
        let error = |partial| Arc::new(RunError::new(failure, partial));
        match self {
            EventData::LlmEnd(result) => EventData::LlmError(error(Partial::Llm(result))),
            EventData::LlmError(of) => EventData::LlmError(error(of.partial().clone())),
            EventData::ModelEnd(run_type, result) => {
                EventData::ModelError(run_type, error(Partial::Llm(result)))
            }
            EventData::ModelError(run_type, of) => {
                EventData::ModelError(run_type, error(of.partial().clone()))
            }
            EventData::RunEnd(run_type, output) => {
                let output = Arc::unwrap_or_clone(output);
                EventData::RunError(run_type, error(Partial::Run(output)))
            }
            EventData::RunError(run_type, of) => {
                EventData::RunError(run_type, error(of.partial().clone()))
            }
            other => other,
        }
    }

    /// Returns the same terminal event for a handler that did not receive all tokens.
    pub(crate) fn with_dropped_tokens(&self, dropped: u64) -> Self {
        let in_result = |result: &LlmResult| {
            let mut result = result.clone();
            result.dropped_tokens = dropped;
            Arc::new(result)
        };
        let in_error = |error: &RunError| Arc::new(error.with_dropped_tokens(dropped));
        match self {
            EventData::LlmEnd(result) => EventData::LlmEnd(in_result(result)),
            EventData::LlmError(error) => EventData::LlmError(in_error(error)),
            EventData::ModelEnd(run_type, result) => {
                EventData::ModelEnd(*run_type, in_result(result))
            }
            EventData::ModelError(run_type, error) => {
                EventData::ModelError(*run_type, in_error(error))
            }
            other => other.clone(),
        }
    }
}

impl Event {
    /// Whether this is the terminal event of a call that was dropped.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.data.error().is_some_and(|error| error.kind() == ErrorKind::Cancelled)
    }

    /// Returns how many tokens a handler did not receive, of a terminal event.
    pub(crate) fn dropped_tokens(&self) -> u64 {
        match &self.data {
            EventData::LlmEnd(result) => result.dropped_tokens,
            EventData::LlmError(error) => error.result().map_or(0, |it| it.dropped_tokens),
            _ => 0,
        }
    }

    pub(crate) fn new(seq: u64, time: Option<SystemTime>, data: EventData) -> Self {
        Self { seq, time, data }
    }

    pub(crate) fn with_data(&self, data: EventData) -> Self {
        Self::new(self.seq, self.time, data)
    }

    /// Returns the number of the event in its run, from 0 (start).
    ///
    /// Every event of the run has a number, delivered to this handler or not. A gap shows tokens that were dropped,
    /// or events outside of the handler's event mask.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Returns when the event happened, by the wall clock.
    ///
    /// For a token this returns the present time if the handler is inline or lockstep (it is called as the token
    /// arrives), or if its mask lacks [`EventMask::TOKEN_TIMES`](crate::EventMask::TOKEN_TIMES).
    pub fn time(&self) -> SystemTime {
        self.time.unwrap_or_else(SystemTime::now)
    }

    /// Returns the payload.
    pub fn data(&self) -> &EventData {
        &self.data
    }

    /// Returns the kind of the event.
    pub fn kind(&self) -> EventKind {
        self.data.kind()
    }
}
