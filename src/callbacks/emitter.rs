use std::{
    error::Error,
    mem,
    sync::Arc,
    task::{Context, Poll, ready},
};

use super::{
    answer::Answer,
    cause::{aborted, classify},
    lifecycle::Lifecycle,
};
use crate::{
    event::{ContentCapture, ErrorKind, EventData, Failure},
    run::{Abort, Aborted, Attempts, Context as RunContext, FailedAttempt, Run},
};

/// A run, from its start to its one terminal event: whose call it is, and how it ends.
///
/// What is known of its outcome, `A`, is what models' runs and others differ in. Dropped before its end,
/// it tells the terminal event at once.
pub(crate) struct Emitter<A: Account = Answer> {
    pub(super) life: Lifecycle,
    pub(super) account: A,
    outcome: Outcome,
    attempts: Option<Arc<Attempts>>,
    /// An item is being read. Left so, its reading panicked.
    reading: bool,
}

/// What a run adds up to, and what its terminal event tells of it.
pub(crate) trait Account {
    /// A failure, as far as it may be told.
    fn failure(&self, failure: Failure) -> Failure;

    /// The call has completed.
    fn complete(&mut self);

    /// The terminal event. Called once.
    fn terminal(&mut self, run: &Run, outcome: Result<(), Failure>) -> EventData;
}

/// How the run ends; the first word counts.
enum Outcome {
    /// Nothing yet: dropped now, it was cancelled.
    Open,
    Completed,
    /// In a box: most runs never need the room.
    Failed(Box<Failure>),
}

impl<A: Account> Emitter<A> {
    pub(super) fn of(life: Lifecycle, account: A, attempts: Option<Arc<Attempts>>) -> Self {
        Self { life, account, outcome: Outcome::Open, attempts, reading: false }
    }

    pub(crate) fn run(&self) -> &Run {
        self.life.run()
    }

    /// What to put into the request's extensions.
    pub(crate) fn context(&self) -> RunContext {
        self.life.context()
    }

    /// Calls a closure of the inner call: with the run as the current one; should it panic, the run
    /// ends there.
    #[inline]
    pub(crate) fn enter<T>(&mut self, f: impl FnOnce() -> T) -> T {
        struct Panicked<'a, A: Account>(&'a mut Emitter<A>);
        impl<A: Account> Drop for Panicked<'_, A> {
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

    /// Whether it is known how the run ends.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        !matches!(self.outcome, Outcome::Open)
    }

    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.outcome, Outcome::Completed)
    }

    /// The call is complete.
    pub(crate) fn complete(&mut self) {
        if !self.is_over() {
            self.account.complete();
            self.outcome = Outcome::Completed;
        }
    }

    /// The call has failed.
    pub(crate) fn fail(&mut self, failure: Failure) {
        if !self.is_over() {
            self.outcome = Outcome::Failed(Box::new(self.account.failure(failure)));
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
        let Self { life, account, outcome, attempts, .. } = self;
        life.poll_end(cx, |run, abort| terminal(run, account, outcome, attempts.as_deref(), abort))
    }

    fn tell_end(&mut self) {
        if self.reading {
            self.fail(Failure::new(ErrorKind::Panic, "reading an item panicked"));
        }
        let Self { life, account, outcome, attempts, .. } = self;
        life.tell_end(|run, abort| terminal(run, account, outcome, attempts.as_deref(), abort));
    }

    /// What the consumer gets instead of the last item, if the run was aborted.
    pub(crate) fn take_aborted(&mut self) -> Option<Aborted> {
        self.life.take_abort().map(Aborted::new)
    }
}

impl<A: Account> Drop for Emitter<A> {
    fn drop(&mut self) {
        self.tell_end();
        // A run that is kept does not keep the task.
        self.life.run().control().forget_task();
    }
}

fn terminal(
    run: &Run,
    account: &mut impl Account,
    outcome: &Outcome,
    attempts: Option<&Attempts>,
    abort: Option<&Abort>,
) -> EventData {
    let outcome = match (abort, outcome) {
        (Some(abort), _) => Err(aborted(abort)),
        (None, Outcome::Completed) => Ok(()),
        (None, Outcome::Failed(failure)) => Err(Failure::clone(failure)),
        (None, Outcome::Open) => {
            Err(Failure::new(ErrorKind::Cancelled, "the call was dropped before its end"))
        }
    };
    if let (Err(failure), Some(attempts)) = (&outcome, attempts) {
        attempts.fail(FailedAttempt {
            run_id: run.run_id(),
            error: Arc::clone(&failure.message),
            without_content: ContentCapture::Off.failure(failure.clone()).message,
        });
    }
    account.terminal(run, outcome)
}
