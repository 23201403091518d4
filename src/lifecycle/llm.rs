use std::{mem, sync::Arc, time::Duration};

use super::{
    clock::CallClock,
    emitter::{Account, Emitter},
    new_run::NewRun,
    pricing::Pricing,
};
use crate::{
    delivery::TokenLanes,
    event::{
        Accumulator, Content, ContentCapture, Delta, ErrorKind, EventData, EventKind, Failure,
        LlmRequestInfo, LlmStart, Partial, RunError,
    },
    handler::EventMask,
};

/// The account of a model call: the deltas of its answer, of which those with content are token events.
pub(crate) struct Llm {
    /// `None` if no handler reads it.
    request: Option<Arc<LlmRequestInfo>>,
    answer: Accumulator,
    content: ContentCapture,
    time_to_first_token: Option<Duration>,
    tokens: TokenLanes,
    /// `None` if the call is not priced. Boxed, because most calls are not.
    pricing: Option<Box<Pricing>>,
}

pub(crate) type LlmEmitter = Emitter<Llm>;

/// Starts the run of a model call.
pub(crate) fn start_llm(new_run: NewRun, start: impl FnOnce() -> LlmStart) -> LlmEmitter {
    let content = new_run.content;
    // Built also for handlers of the end only: the result repeats what was requested.
    let users = EventMask::LLM_START | EventMask::LLM_END | EventMask::LLM_ERROR;
    let is_read = new_run.members.iter().any(|member| member.slot.event_mask.intersects(users));
    let start = is_read.then(start);
    let request = start.as_ref().map(|start| Arc::new(LlmRequestInfo::of(start)));
    let pricing = Pricing::of(&new_run, start.as_ref());
    let start = || {
        let start = start.expect("a handler that wants the event reads the start");
        EventData::LlmStart(Arc::new(content.start(start)))
    };
    Emitter::start(new_run, EventKind::LlmStart, start, |dispatch| Llm {
        request,
        answer: Accumulator::capturing(content),
        content,
        time_to_first_token: None,
        tokens: TokenLanes::of(dispatch),
        pricing,
    })
}

impl LlmEmitter {
    /// Adds a delta of the answer. After the end of the answer, deltas are ignored.
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
                } else if let Delta::Finish { .. } = delta {
                    self.clock.end(self.phases.run());
                }
            }
        }
    }

    fn token(&mut self, content: Content<'_>) {
        let Llm { answer, time_to_first_token, tokens, .. } = &mut self.account;
        let dispatch = &self.phases.dispatch;
        if time_to_first_token.is_none() {
            *time_to_first_token = Some(CallClock::since_call(dispatch.run()));
        }
        dispatch.token(answer.tokens() - 1, content, tokens);
    }

    /// Returns what was requested.
    pub(crate) fn request(&self) -> Option<&Arc<LlmRequestInfo>> {
        self.account.request.as_ref()
    }

    /// Returns the answer so far.
    pub(crate) fn answer(&mut self) -> &mut Accumulator {
        &mut self.account.answer
    }

    /// Marks the answer as not streamed, if an error came in its place as one body.
    pub(crate) fn whole_error(&mut self) {
        if self.account.answer.tokens() == 0 && !self.is_complete() {
            self.account.answer.whole();
        }
    }
}

impl Account for Llm {
    const ERROR_KIND: ErrorKind = ErrorKind::Transport;

    fn failure(&self, failure: Failure) -> Failure {
        self.content.failure(failure)
    }

    fn complete(&mut self) {
        self.answer.complete();
    }

    fn is_finished(&self) -> bool {
        self.answer.is_finished()
    }

    fn terminal(&mut self, duration: Duration, outcome: Result<(), Failure>) -> EventData {
        let mut result = self.content.result(mem::take(&mut self.answer).finish());
        result.request.clone_from(&self.request);
        result.duration = duration;
        result.time_to_first_token = self.time_to_first_token;
        result.cost = self.pricing.as_ref().and_then(|pricing| pricing.cost(&result));
        let result = Arc::new(result);
        match outcome {
            Ok(()) => EventData::LlmEnd(result),
            Err(failure) => {
                EventData::LlmError(Arc::new(RunError::new(failure, Partial::Llm(result))))
            }
        }
    }
}
