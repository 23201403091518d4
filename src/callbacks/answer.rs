use std::{mem, sync::Arc, time::Duration};

use super::{
    dispatch::TokenLanes,
    emitter::{Account, Emitter},
    inherit::Opened,
    lifecycle::Lifecycle,
};
use crate::{
    event::{
        Accumulator, Content, ContentCapture, Delta, EventData, EventKind, Failure, LlmStart,
        RunError,
    },
    run::Run,
};

/// What a model call's run adds up to: the deltas of its answer, of which those with content are told as
/// tokens.
pub(crate) struct Answer {
    answer: Accumulator,
    content: ContentCapture,
    time_to_first_token: Option<Duration>,
    tokens: TokenLanes,
}

impl Emitter {
    /// Starts a model call's run.
    pub(crate) fn start(opened: Opened, start: impl FnOnce() -> LlmStart) -> Self {
        let (content, attempts) = (opened.content, opened.attempts.clone());
        let start = || EventData::LlmStart(Arc::new(content.start(start())));
        let life = Lifecycle::start(opened, EventKind::LlmStart, start);
        let answer = Answer {
            tokens: TokenLanes::of(life.dispatch()),
            answer: Accumulator::capturing(content),
            content,
            time_to_first_token: None,
        };
        Self::of(life, answer, attempts)
    }

    /// Reads a delta. After the end of the answer nothing more is read.
    #[inline]
    pub(crate) fn delta(&mut self, delta: &Delta<'_>) {
        if self.is_over() {
            return;
        }
        match delta {
            Delta::Done => self.complete(),
            Delta::Error(error) => self.fail(Failure::provider(error)),
            _ => {
                if let Some(content) = self.account.answer.add(delta) {
                    self.token(content);
                }
            }
        }
    }

    fn token(&mut self, content: Content<'_>) {
        let Answer { answer, time_to_first_token, tokens, .. } = &mut self.account;
        if time_to_first_token.is_none() {
            *time_to_first_token = Some(self.life.run().elapsed());
        }
        let index = answer.tokens() - 1;
        self.life.dispatch().token(index, content, tokens);
    }

    /// What is known of the answer so far.
    pub(crate) fn answer(&mut self) -> &mut Accumulator {
        &mut self.account.answer
    }

    /// An error came in the place of an answer, as one body.
    pub(crate) fn whole_error(&mut self) {
        if self.account.answer.tokens() == 0 && !self.is_complete() {
            self.account.answer.whole();
        }
    }
}

impl Account for Answer {
    fn failure(&self, failure: Failure) -> Failure {
        self.content.failure(failure)
    }

    fn complete(&mut self) {
        self.answer.complete();
    }

    fn terminal(&mut self, run: &Run, outcome: Result<(), Failure>) -> EventData {
        let mut result = self.content.result(mem::take(&mut self.answer).finish());
        result.duration = run.elapsed();
        result.time_to_first_token = self.time_to_first_token;
        let result = Arc::new(result);
        match outcome {
            Ok(()) => EventData::LlmEnd(result),
            Err(failure) => EventData::LlmError(Arc::new(RunError::new(failure, result))),
        }
    }
}
