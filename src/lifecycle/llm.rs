use std::{mem, sync::Arc, time::Duration};

use super::{
    accounting::{Accounting, CallEnd},
    clock::CallClock,
    emitter::{Account, Emitter},
    new_run::NewRun,
};
use crate::{
    delivery::TokenLanes,
    estimate::{AnswerCount, Counting},
    event::{
        Accumulator, Content, ContentCapture, Delta, ErrorKind, EventData, EventKind, Failure,
        LlmStart, Partial, RunError,
    },
    handler::EventMask,
    run::Run,
};

/// The account of a model call: the deltas of its answer, of which those with content are token events.
pub(crate) struct Llm {
    /// `None` if no handler reads it.
    request: Option<Request>,
    answer: Accumulator,
    content: ContentCapture,
    time_to_first_token: Option<Duration>,
    tokens: TokenLanes,
    /// The answer has arrived in full.
    whole: bool,
}

/// What was requested, and what is counted for its terminal event.
struct Request {
    /// As handlers get it.
    start: Arc<LlmStart>,
    accounting: Arc<Accounting>,
    /// Where handlers do not get all of the content.
    limited: Option<Box<Limited>>,
}

/// What usage is estimated from if the content is not captured in full. It is only counted.
struct Limited {
    start: Arc<LlmStart>,
    /// By the index of the choice.
    choices: Vec<(u32, Counting)>,
}

pub(crate) type LlmEmitter = Emitter<Llm>;

/// Starts the run of a model call.
pub(crate) fn start_llm(new_run: NewRun, start: impl FnOnce() -> LlmStart) -> LlmEmitter {
    let content = new_run.content;
    // Built also for handlers of the end only: the result repeats what was requested.
    let wants = |mask| new_run.members.iter().any(|it| it.slot.event_mask.intersects(mask));
    let wants_end = wants(EventMask::LLM_END | EventMask::LLM_ERROR);
    let full = (wants_end || wants(EventMask::LLM_START)).then(|| Arc::new(start()));
    let start = full.as_ref().map(|full| match content {
        ContentCapture::Full => Arc::clone(full),
        limited => Arc::new(limited.start(LlmStart::clone(full))),
    });
    let request = start.as_ref().filter(|_| wants_end).map(|start| Request {
        start: Arc::clone(start),
        accounting: Arc::clone(&new_run.accounting),
        limited: full
            .filter(|full| !Arc::ptr_eq(full, start))
            .map(|full| Box::new(Limited { start: full, choices: Vec::new() })),
    });
    let start = || EventData::LlmStart(start.expect("a handler that wants the event reads it"));
    Emitter::start(new_run, EventKind::LlmStart, start, |dispatch| Llm {
        request,
        answer: Accumulator::capturing(content),
        content,
        time_to_first_token: None,
        tokens: TokenLanes::of(dispatch),
        whole: false,
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
                self.account.count(delta);
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

    /// Returns what was requested, if a handler reads the end of the run.
    pub(crate) fn request(&self) -> Option<&LlmStart> {
        self.account.request.as_ref().map(Request::full)
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

impl Request {
    fn full(&self) -> &LlmStart {
        self.limited.as_ref().map_or(&self.start, |limited| &limited.start)
    }
}

impl Llm {
    /// Counts a delta whose content may not be captured.
    #[inline]
    fn count(&mut self, delta: &Delta<'_>) {
        if let Some(Request { limited: Some(limited), .. }) = &mut self.request {
            limited.count(delta);
        }
    }
}

impl Limited {
    fn count(&mut self, delta: &Delta<'_>) {
        let (Delta::Text { choice, .. }
        | Delta::Reasoning { choice, .. }
        | Delta::Refusal { choice, .. }
        | Delta::ToolCall { choice, .. }) = delta
        else {
            return;
        };
        let known = self.choices.iter().position(|(known, _)| known == choice);
        let at = known.unwrap_or_else(|| {
            self.choices.push((*choice, Counting::default()));
            self.choices.len() - 1
        });
        let answer = &mut self.choices[at].1;
        match delta {
            Delta::Text { text, .. } | Delta::Refusal { text, .. } => answer.count.text(text),
            Delta::Reasoning { text, .. } => answer.count.reasoning(text),
            Delta::ToolCall { index, name, arguments, .. } => {
                answer.tool_call((*choice, *index), name.as_deref(), arguments);
            }
            _ => {}
        }
    }

    fn total(&self) -> AnswerCount {
        let mut total = AnswerCount::default();
        self.choices.iter().for_each(|(_, answer)| total.merge(&answer.count));
        total
    }
}

impl Account for Llm {
    const ERROR_KIND: ErrorKind = ErrorKind::Transport;

    fn failure(&self, failure: Failure) -> Failure {
        self.content.failure(failure)
    }

    fn complete(&mut self) {
        self.whole = true;
        self.answer.complete();
    }

    fn is_finished(&self) -> bool {
        self.answer.is_finished()
    }

    fn terminal(
        &mut self,
        run: &Run,
        duration: Duration,
        sent: bool,
        outcome: Result<(), Failure>,
    ) -> EventData {
        let answer = mem::take(&mut self.answer);
        let (content_since_report, pieces) = (answer.has_content_since_report(), answer.pieces());
        let mut result = answer.finish();
        result.cached = run.is_cached();
        if let Some(request) = &self.request {
            let error = outcome.as_ref().err().map(|failure| failure.kind);
            let end = CallEnd { error, whole: self.whole, sent, content_since_report, pieces };
            let count = request.limited.as_ref().map(|limited| limited.total());
            request.accounting.settle(&mut result, request.full(), count.as_ref(), end);
            result.request = Some(Arc::clone(&request.start));
            request.accounting.price(&mut result, run.start_time());
        }
        let mut result = self.content.result(result);
        result.duration = duration;
        result.time_to_first_token = self.time_to_first_token;
        let result = Arc::new(result);
        match outcome {
            Ok(()) => EventData::LlmEnd(result),
            Err(failure) => {
                EventData::LlmError(Arc::new(RunError::new(failure, Partial::Llm(result))))
            }
        }
    }
}
