use std::{
    error::Error,
    mem,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use super::{
    cause::{aborted, classify},
    dispatch::TokenLanes,
    inherit::Opened,
    lifecycle::Lifecycle,
};
use crate::{
    event::{
        Accumulator, Content, ContentCapture, Delta, ErrorKind, EventData, EventKind, Failure,
        LlmStart, RunError,
    },
    run::{Abort, Aborted, Context as RunContext, Run},
};

/// A model call's run: reads deltas, adds them up, tells tokens and the terminal event.
///
/// Dropped before its end, it tells the terminal event at once.
pub(crate) struct Emitter {
    life: Lifecycle,
    answer: Accumulator,
    content: ContentCapture,
    time_to_first_token: Option<Duration>,
    outcome: Outcome,
    tokens: TokenLanes,
    /// A chunk is being read. Left so, its reading panicked.
    reading: bool,
}

/// How the run ends; the first word counts.
enum Outcome {
    /// Nothing yet: dropped now, it was cancelled.
    Open,
    Completed,
    Failed(Failure),
}

impl Emitter {
    pub(crate) fn start(opened: Opened, start: impl FnOnce() -> LlmStart) -> Self {
        let content = opened.content;
        let start = || EventData::LlmStart(Arc::new(content.start(start())));
        let life = Lifecycle::start(opened, EventKind::LlmStart, start);
        Self {
            tokens: TokenLanes::of(life.dispatch()),
            life,
            answer: Accumulator::capturing(content),
            content,
            time_to_first_token: None,
            outcome: Outcome::Open,
            reading: false,
        }
    }

    /// What to put into the request's extensions.
    pub(crate) fn context(&self) -> RunContext {
        self.life.context()
    }

    /// Calls a closure of the inner call: with the run as the current one; should it panic, the run
    /// ends there.
    #[inline]
    pub(crate) fn enter<T>(&mut self, f: impl FnOnce() -> T) -> T {
        struct Panicked<'a>(&'a mut Emitter);
        impl Drop for Panicked<'_> {
            fn drop(&mut self) {
                self.0.fail(Failure::new(ErrorKind::Panic, "the inner service panicked"));
                self.0.tell_end();
            }
        }
        let guard = Panicked(self);
        let output = guard.0.life.enter(f);
        mem::forget(guard);
        output
    }

    #[inline]
    pub(crate) fn is_aborted(&self) -> bool {
        self.life.is_aborted()
    }

    /// Whether no handler has to be waited for before the inner call.
    pub(crate) fn may_call_at_once(&self) -> bool {
        self.life.is_drained() && !self.is_aborted()
    }

    /// Waits for the start phase. False if the run was aborted in it.
    pub(crate) fn poll_started(&self, cx: &Context<'_>) -> Poll<bool> {
        if self.life.watch_for_abort(cx) {
            return Poll::Ready(false);
        }
        ready!(self.life.poll_drained(cx));
        Poll::Ready(!self.is_aborted())
    }

    #[inline]
    pub(crate) fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        self.life.poll_room(cx)
    }

    pub(crate) fn poll_lockstep(&self, cx: &Context<'_>) -> Poll<()> {
        self.life.poll_lockstep(cx)
    }

    #[inline]
    pub(crate) fn must_hold_item(&self) -> bool {
        self.life.must_hold_item()
    }

    pub(crate) fn watch_for_abort(&self, cx: &Context<'_>) -> bool {
        self.life.watch_for_abort(cx)
    }

    /// What is read from here to `end_chunk` is one chunk.
    #[inline]
    pub(crate) fn begin_chunk(&mut self) {
        self.reading = true;
    }

    #[inline]
    pub(crate) fn end_chunk(&mut self) {
        self.reading = false;
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
                if let Some(content) = self.answer.add(delta) {
                    self.token(content);
                }
            }
        }
    }

    fn token(&mut self, content: Content<'_>) {
        if self.time_to_first_token.is_none() {
            self.time_to_first_token = Some(self.life.run().elapsed());
        }
        let index = self.answer.tokens() - 1;
        self.life.dispatch().token(index, content, &mut self.tokens);
    }

    /// What is known of the answer so far.
    pub(crate) fn answer(&mut self) -> &mut Accumulator {
        &mut self.answer
    }

    /// An error came in the place of an answer, as one body.
    pub(crate) fn whole_error(&mut self) {
        if self.answer.tokens() == 0 && !matches!(self.outcome, Outcome::Completed) {
            self.answer.whole();
        }
    }

    /// Whether it is known how the run ends.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        !matches!(self.outcome, Outcome::Open)
    }

    /// The answer is complete.
    pub(crate) fn complete(&mut self) {
        if !self.is_over() {
            self.answer.complete();
            self.outcome = Outcome::Completed;
        }
    }

    /// The call has failed.
    pub(crate) fn fail(&mut self, failure: Failure) {
        if !self.is_over() {
            self.outcome = Outcome::Failed(self.content.failure(failure));
        }
    }

    /// The stream ended: complete, unless its protocol has an end mark, which did not come.
    pub(crate) fn end_of_stream(&mut self, has_end_mark: bool) {
        if has_end_mark {
            let message = "the stream ended without the protocol's end mark";
            self.fail(Failure::new(ErrorKind::Truncated, message));
        } else {
            self.complete();
        }
    }

    /// The call or stream gave an error.
    pub(crate) fn error(&mut self, error: &(dyn Error + 'static)) {
        if !self.is_over() {
            self.fail(classify(error));
        }
    }

    /// Tells the terminal event if no handler has to be waited for before it.
    pub(crate) fn tell_end_if_drained(&mut self) {
        if self.life.is_drained() {
            self.tell_end();
        }
    }

    /// Ends the run in phases. Ready when the last item may go to the consumer.
    pub(crate) fn poll_end(&mut self, cx: &Context<'_>) -> Poll<()> {
        let Self { life, answer, content, outcome, time_to_first_token, .. } = self;
        life.poll_end(cx, |run, abort| {
            terminal(run, mem::take(answer), *content, *time_to_first_token, outcome, abort)
        })
    }

    fn tell_end(&mut self) {
        if self.reading {
            self.fail(Failure::new(ErrorKind::Panic, "reading a chunk panicked"));
        }
        let Self { life, answer, content, outcome, time_to_first_token, .. } = self;
        life.tell_end(|run, abort| {
            terminal(run, mem::take(answer), *content, *time_to_first_token, outcome, abort)
        });
    }

    /// What the consumer gets instead of the last item, if the run was aborted.
    pub(crate) fn take_aborted(&mut self) -> Option<Aborted> {
        self.life.take_abort().map(Aborted::new)
    }
}

impl Drop for Emitter {
    fn drop(&mut self) {
        self.tell_end();
        // A run that is kept does not keep the task.
        self.life.run().control().forget_task();
    }
}

fn terminal(
    run: &Run,
    answer: Accumulator,
    content: ContentCapture,
    time_to_first_token: Option<Duration>,
    outcome: &Outcome,
    abort: Option<&Abort>,
) -> EventData {
    let mut result = content.result(answer.finish());
    result.duration = run.elapsed();
    result.time_to_first_token = time_to_first_token;
    let result = Arc::new(result);
    let failure = match (abort, outcome) {
        (Some(abort), _) => aborted(abort),
        (None, Outcome::Completed) => return EventData::LlmEnd(result),
        (None, Outcome::Failed(failure)) => failure.clone(),
        (None, Outcome::Open) => {
            Failure::new(ErrorKind::Cancelled, "the call was dropped before its end")
        }
    };
    EventData::LlmError(Arc::new(RunError::new(failure, result)))
}
