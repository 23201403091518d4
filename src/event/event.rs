use std::{sync::Arc, time::SystemTime};

use super::{
    CustomEvent, EventKind, LlmResult, LlmStart, Record, Retry, RunError, RunInput, RunOutput,
    Token,
};
use crate::run::Run;

/// One event of a run, as `on_event` gets it.
#[derive(Debug, Clone)]
pub struct Event {
    seq: u64,
    time: Option<SystemTime>,
    data: EventData,
}

/// What an event tells, by kind.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum EventData {
    /// A model call starts.
    LlmStart(Arc<LlmStart>),
    /// A piece of its answer came.
    LlmNewToken(Token),
    /// It completed.
    LlmEnd(Arc<LlmResult>),
    /// It failed, or was given up.
    LlmError(Arc<RunError>),
    /// A chain starts.
    ChainStart(Arc<RunInput>),
    /// A chain completed.
    ChainEnd(Arc<RunOutput>),
    /// A chain failed.
    ChainError(Arc<RunError>),
    /// A tool starts.
    ToolStart(Arc<RunInput>),
    /// A tool completed.
    ToolEnd(Arc<RunOutput>),
    /// A tool failed.
    ToolError(Arc<RunError>),
    /// A retriever starts.
    RetrieverStart(Arc<RunInput>),
    /// A retriever completed.
    RetrieverEnd(Arc<RunOutput>),
    /// A retriever failed.
    RetrieverError(Arc<RunError>),
    /// Another attempt starts.
    Retry(Arc<Retry>),
    /// An event of the application's own.
    Custom(Arc<CustomEvent>),
}

impl EventData {
    /// Which event it is.
    pub fn kind(&self) -> EventKind {
        match self {
            EventData::LlmStart(_) => EventKind::LlmStart,
            EventData::LlmNewToken(_) => EventKind::LlmNewToken,
            EventData::LlmEnd(_) => EventKind::LlmEnd,
            EventData::LlmError(_) => EventKind::LlmError,
            EventData::ChainStart(_) => EventKind::ChainStart,
            EventData::ChainEnd(_) => EventKind::ChainEnd,
            EventData::ChainError(_) => EventKind::ChainError,
            EventData::ToolStart(_) => EventKind::ToolStart,
            EventData::ToolEnd(_) => EventKind::ToolEnd,
            EventData::ToolError(_) => EventKind::ToolError,
            EventData::RetrieverStart(_) => EventKind::RetrieverStart,
            EventData::RetrieverEnd(_) => EventKind::RetrieverEnd,
            EventData::RetrieverError(_) => EventKind::RetrieverError,
            EventData::Retry(_) => EventKind::Retry,
            EventData::Custom(_) => EventKind::Custom,
        }
    }

    /// The same terminal for a handler that did not get all tokens.
    pub(crate) fn with_dropped_tokens(&self, dropped: u64) -> Self {
        let result = |result: &LlmResult| {
            let mut result = result.clone();
            result.dropped_tokens = dropped;
            Arc::new(result)
        };
        match self {
            EventData::LlmEnd(end) => EventData::LlmEnd(result(end)),
            EventData::LlmError(error) => EventData::LlmError(Arc::new(RunError::new(
                error.failure().clone(),
                result(error.result()),
            ))),
            other => other.clone(),
        }
    }
}

impl Event {
    pub(crate) fn new(seq: u64, time: Option<SystemTime>, data: EventData) -> Self {
        Self { seq, time, data }
    }

    /// The buffer in which the emitter builds one token after the other.
    pub(crate) fn token_buffer() -> Self {
        Self::new(0, None, EventData::LlmNewToken(Token::buffer()))
    }

    pub(crate) fn buffered_token(&mut self) -> Option<&mut Token> {
        match &mut self.data {
            EventData::LlmNewToken(token) => Some(token),
            _ => None,
        }
    }

    pub(crate) fn set_seq(&mut self, seq: u64) {
        self.seq = seq;
    }

    pub(crate) fn with_data(&self, data: EventData) -> Self {
        Self::new(self.seq, self.time, data)
    }

    /// The number of the event in its run, from 0 (start). Every event of the run is numbered,
    /// delivered to this handler or not: a gap shows tokens that were dropped, or events that the
    /// handler asked not to get.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// When it happened, by the wall clock.
    ///
    /// For a token this reads the clock if the handler is inline or lockstep, which is told as it
    /// happens, or did not ask for [`EventMask::TOKEN_TIMES`](crate::EventMask::TOKEN_TIMES).
    pub fn time(&self) -> SystemTime {
        self.time.unwrap_or_else(SystemTime::now)
    }

    /// What it tells.
    pub fn data(&self) -> &EventData {
        &self.data
    }

    /// Which event it is.
    pub fn kind(&self) -> EventKind {
        self.data.kind()
    }

    /// The event as it looks outside the process: serialises to an event record of version [`RECORD_VERSION`](super::RECORD_VERSION).
    pub fn record<'a>(&'a self, run: &'a Run) -> Record<'a> {
        Record::new(run, self)
    }
}
