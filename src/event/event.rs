use std::{sync::Arc, time::SystemTime};

use super::{
    Content, CustomEvent, ErrorKind, EventKind, Failure, LlmResult, LlmStart, Partial, Retry,
    RunError, RunInput, RunOutput, Token,
};
use crate::run::RunType;

/// One event of a run, as [`on_event`](crate::CallbackHandler::on_event) receives it.
#[derive(Debug, Clone)]
pub struct Event {
    seq: u64,
    time: Option<SystemTime>,
    data: EventData,
}

/// The payload of an event, by kind.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum EventData {
    /// A model call started.
    LlmStart(Arc<LlmStart>),
    /// A piece of a model's answer arrived.
    LlmNewToken(Token),
    /// A model call completed.
    LlmEnd(Arc<LlmResult>),
    /// A model call failed or was cancelled.
    LlmError(Arc<RunError>),
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
            EventData::RunStart(run_type, _) => EventKind::RunStart(*run_type),
            EventData::RunEnd(run_type, _) => EventKind::RunEnd(*run_type),
            EventData::RunError(run_type, _) => EventKind::RunError(*run_type),
            EventData::Retry(_) => EventKind::Retry,
            EventData::Custom(_) => EventKind::Custom,
        }
    }

    /// Returns the terminal event of the same run, failed.
    pub(crate) fn failed(self, failure: Failure) -> Self {
        let error = |partial| Arc::new(RunError::new(failure, partial));
        match self {
            EventData::LlmEnd(result) => EventData::LlmError(error(Partial::Llm(result))),
            EventData::LlmError(of) => EventData::LlmError(error(of.partial().clone())),
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
        match self {
            EventData::LlmEnd(result) => {
                let mut result = LlmResult::clone(result);
                result.dropped_tokens = dropped;
                EventData::LlmEnd(Arc::new(result))
            }
            EventData::LlmError(error) => {
                EventData::LlmError(Arc::new(error.with_dropped_tokens(dropped)))
            }
            other => other.clone(),
        }
    }
}

impl Event {
    /// Whether this is the terminal event of a call that was dropped.
    pub(crate) fn is_cancelled(&self) -> bool {
        match &self.data {
            EventData::LlmError(error) | EventData::RunError(_, error) => {
                error.kind() == ErrorKind::Cancelled
            }
            _ => false,
        }
    }

    pub(crate) fn new(seq: u64, time: Option<SystemTime>, data: EventData) -> Self {
        Self { seq, time, data }
    }

    /// Creates a buffer in which the emitter builds one token after the other.
    pub(crate) fn token_buffer() -> Self {
        Self::new(0, None, EventData::LlmNewToken(Token::buffer()))
    }

    /// Overwrites a [buffer](Self::token_buffer) with the next token.
    #[inline]
    pub(crate) fn refill_token(&mut self, seq: u64, index: u64, content: &Content<'_>) {
        self.seq = seq;
        if let EventData::LlmNewToken(token) = &mut self.data {
            token.refill(index, content);
        }
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
