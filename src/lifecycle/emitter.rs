use std::{
    error::Error,
    mem,
    sync::Arc,
    task::{Context, Poll, ready},
};

use super::{
    account::Account, cause::classify, clock::CallClock, new_run::NewRun, phases::Phases,
    terminal::Terminal,
};
use crate::{
    delivery::Dispatch,
    event::{ErrorKind, EventData, EventKind, Failure},
    run::{Aborted, Attempts, Consumer, Run, Scope},
};

/// Emits a run's events, from its start to its one terminal event.
///
/// Dropped before that, it emits the terminal event at once. Model calls and other runs differ in the account `A`.
pub(crate) struct Emitter<A: Account> {
    pub(crate) phases: Phases,
    pub(super) account: A,
    /// The scope of the inner call, swapped in for each poll.
    scope: Scope,
    pub(super) clock: CallClock,
    outcome: RunOutcome,
    /// The terminal event was handed to the dispatch.
    closed: bool,
    attempts: Option<Arc<Attempts>>,
    /// Whether the answer was finished when its consumer went. `None` while nothing is known of that.
    finished_when_left: Option<bool>,
    /// An item is being read. If this is set in a drop, its reading panicked.
    reading: bool,
    /// Handlers have held the stream up since it was polled.
    held_up: bool,
    /// The inner call was polled. Before that, hardly any client has sent anything.
    polled: bool,
}

/// How the run ends. The first value stays.
enum RunOutcome {
    /// Not known. If the emitter is dropped now, the run was cancelled.
    Open,
    Completed,
    /// The answer is complete, and was read without its consumer: the run was cancelled.
    Unread,
    /// Boxed, because most runs never need the room.
    Failed(Box<Failure>),
}

impl<A: Account> Emitter<A> {
    /// Starts a run: emits its start event, which is built only if a handler wants it.
    pub(super) fn start(
        new_run: NewRun,
        kind: EventKind,
        start: impl FnOnce() -> EventData,
        account: impl FnOnce(&Dispatch) -> A,
    ) -> Self {
        let NewRun { run, members, retry, attempts, .. } = new_run;
        // Built first: if that panics, no handler was notified of the run.
        let wanted = members.iter().any(|member| member.slot.event_mask.wants(kind));
        let start = wanted.then(start);
        let scope = Scope::of(&run);
        let dispatch = Dispatch::new(run, members);
        let account = account(&dispatch);
        let emitter = Self {
            phases: Phases::new(dispatch),
            account,
            scope,
            clock: CallClock::new(),
            outcome: RunOutcome::Open,
            closed: false,
            attempts,
            finished_when_left: None,
            reading: false,
            held_up: false,
            polled: false,
        };
        tracing::trace!(target: "tower_llm_callbacks", run_id = %emitter.run().run_id(), "started");
        emitter.phases.dispatch.enqueue_start(start, retry);
        emitter
    }

    #[inline]
    pub(crate) fn run(&self) -> &Run {
        self.phases.run()
    }

    /// Returns the scope of the run, for the request's extensions.
    pub(crate) fn scope(&self) -> Scope {
        self.scope.clone()
    }

    /// Calls a closure of the inner call, with the run as the current one. If the closure panics, the run ends there.
    #[inline]
    pub(crate) fn enter<T>(&mut self, f: impl FnOnce() -> T) -> T {
        struct EndOnPanic<'a, A: Account>(&'a mut Emitter<A>);
        impl<A: Account> Drop for EndOnPanic<'_, A> {
            fn drop(&mut self) {
                self.0.fail(Failure::new(ErrorKind::Panic, "the inner service panicked"));
                self.0.emit_terminal();
            }
        }
        let guard = EndOnPanic(self);
        let output = guard.0.scope.enter(f);
        mem::forget(guard);
        output
    }

    /// Polls the inner stream, with the run as the current one.
    #[inline]
    pub(super) fn poll_stream<T>(&mut self, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        let held = if self.held_up { self.release() } else { 0 };
        let item = self.enter(poll);
        if held > 0 && item.is_ready() {
            CallClock::subtract(self.phases.run(), held);
        }
        item
    }

    /// Handlers do not hold the stream up any more. Returns for how many nanoseconds they did.
    #[cold]
    fn release(&mut self) -> u64 {
        self.held_up = false;
        self.clock.release(self.phases.run())
    }

    /// Polls the future of the inner call.
    pub(crate) fn poll_inner<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        self.polled = true;
        self.enter(poll)
    }

    /// Makes the inner call.
    pub(crate) fn call<T>(&mut self, call: impl FnOnce() -> T) -> T {
        CallClock::call(self.run());
        self.enter(call)
    }

    /// Whether no handler has to be waited for before the inner call.
    pub(crate) fn may_call_at_once(&self) -> bool {
        self.phases.is_drained() && !self.phases.is_aborted()
    }

    /// Waits for the start phase. Returns false if the run was aborted in it.
    pub(crate) fn poll_started(&self, cx: &Context<'_>) -> Poll<bool> {
        if self.phases.watch_for_abort(cx) {
            return Poll::Ready(false);
        }
        ready!(self.phases.poll_drained(cx));
        Poll::Ready(!self.phases.is_aborted())
    }

    /// Waits until an item may go to the consumer, or the run is aborted.
    pub(super) fn poll_lockstep(&mut self, cx: &Context<'_>) -> Poll<()> {
        let poll = self.phases.poll_lockstep(cx);
        self.note_hold(poll)
    }

    /// Waits until there is room in the queues that the stream waits for, or the run is aborted.
    #[inline]
    pub(super) fn poll_room(&mut self, cx: &Context<'_>) -> Poll<()> {
        let poll = self.phases.poll_room(cx);
        self.note_hold(poll)
    }

    /// Notes on the clock that handlers hold the stream up, if they do.
    #[inline]
    fn note_hold(&mut self, poll: Poll<()>) -> Poll<()> {
        if poll.is_pending() && !self.held_up {
            self.held_up = true;
            self.clock.hold(self.phases.run());
        }
        poll
    }

    /// Reads an item. If the closure panics, the run ends as panicked when the emitter is dropped.
    #[inline]
    pub(crate) fn read(&mut self, read: impl FnOnce(&mut Self)) {
        self.reading = true;
        read(self);
        self.reading = false;
    }

    /// Whether it is known how the run ends.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        !matches!(self.outcome, RunOutcome::Open)
    }

    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.outcome, RunOutcome::Completed | RunOutcome::Unread)
    }

    /// Sets the outcome: the call has completed.
    pub(crate) fn complete(&mut self) {
        if !self.is_over() {
            self.clock.end(self.phases.run());
            self.completed();
        }
    }

    fn completed(&mut self) {
        self.account.complete();
        let outcome = if self.is_unread() { RunOutcome::Unread } else { RunOutcome::Completed };
        self.outcome = outcome;
    }

    /// Notes whether the consumer has gone, and whether the answer was finished when it went. Called before anything is
    /// read: what is read afterwards does not count.
    #[inline]
    pub(super) fn note_consumer(&mut self) {
        if self.run().consumer().is_some() && self.has_no_consumer() {
            let finished = self.account.is_finished();
            self.finished_when_left.get_or_insert(finished);
        }
    }

    fn has_no_consumer(&self) -> bool {
        self.run().consumer().is_some_and(Consumer::has_gone)
    }

    /// Whether the consumer went before the answer was finished.
    fn is_unread(&self) -> bool {
        self.has_no_consumer() && self.finished_when_left != Some(true)
    }

    /// Sets the outcome: the call has failed.
    pub(crate) fn fail(&mut self, failure: Failure) {
        if !self.is_over() {
            self.clock.end(self.phases.run());
            let failure = if self.is_unread() { without_consumer(failure) } else { failure };
            self.outcome = RunOutcome::Failed(Box::new(self.account.failure(failure)));
        }
    }

    /// Sets the outcome of a call that stops here: complete, since its finish, if the answer is finished. Else the
    /// failure.
    fn stop(&mut self, failure: impl FnOnce() -> Failure) {
        if self.is_over() {
            return;
        }
        if self.account.is_finished() { self.completed() } else { self.fail(failure()) }
    }

    /// Sets the outcome at the end of the stream: complete, or truncated if the protocol has an end mark that did not
    /// come, nor every finish reason.
    pub(crate) fn end_of_stream(&mut self, has_end_mark: bool) {
        if has_end_mark {
            let message = "the stream ended without the protocol's end mark";
            self.stop(|| Failure::new(ErrorKind::Truncated, message));
        } else {
            self.complete();
        }
    }

    /// Sets the outcome: the call or its stream returned an error.
    pub(crate) fn error(&mut self, error: &(dyn Error + 'static)) {
        if self.is_over() {
            return;
        }
        let failure = classify(error, A::ERROR_KIND);
        match failure.kind {
            ErrorKind::Transport | ErrorKind::Truncated => self.stop(|| failure),
            _ => self.fail(failure),
        }
    }

    /// Ends the run in phases: waits until the tokens are handled, emits the terminal event, and waits until that is
    /// handled. Then the last item may go to the consumer.
    pub(crate) fn poll_end(&mut self, cx: &Context<'_>) -> Poll<()> {
        self.leave_terminal();
        let dispatch = &self.phases.dispatch;
        if dispatch.is_ending() {
            ready!(self.phases.poll_drained(cx));
            dispatch.emit_terminal();
            // A drain may be emitting it at this moment, and wakes the task when it has.
            self.run().control().register(cx.waker());
            if dispatch.is_ending() {
                return Poll::Pending;
            }
        }
        self.phases.poll_drained(cx)
    }

    /// Hands the terminal event to the dispatch, which emits it as soon as awaited handlers have drained, whether or
    /// not the call is polled again.
    pub(crate) fn leave_terminal(&mut self) {
        if let Some(terminal) = self.close() {
            self.phases.dispatch.leave_terminal(terminal);
        }
    }

    /// Emits the terminal event now, unless it was emitted.
    fn emit_terminal(&mut self) {
        self.leave_terminal();
        self.phases.dispatch.emit_terminal();
    }

    /// Builds the terminal event, the first time.
    fn close(&mut self) -> Option<Terminal> {
        if mem::replace(&mut self.closed, true) {
            return None;
        }
        if self.reading {
            self.fail(Failure::new(ErrorKind::Panic, "reading an item panicked"));
        }
        self.stop(|| Failure::new(ErrorKind::Cancelled, "the call was dropped before its end"));
        let failed = match &self.outcome {
            RunOutcome::Failed(failure) => Some(Failure::clone(failure)),
            RunOutcome::Unread => {
                let message = "the client dropped the call; the answer was read to its end";
                Some(self.account.failure(Failure::new(ErrorKind::Cancelled, message)))
            }
            RunOutcome::Open | RunOutcome::Completed => None,
        };
        let outcome = failed.clone().map_or(Ok(()), Err);
        let run = self.phases.run();
        let duration = self.clock.duration(run);
        let event = self.account.terminal(run, duration, self.polled, outcome);
        let credentials = self.account.credentials().cloned();
        Some(Terminal { event, failed, attempts: self.attempts.take(), credentials })
    }

    /// Returns what the consumer gets instead of the last item, if the run was aborted.
    pub(crate) fn take_aborted(&mut self) -> Option<Aborted> {
        self.run().control().take_abort().map(Aborted::new)
    }
}

/// Returns the failure of a call whose consumer has gone. That the answer broke off after that is not why the call failed:
/// the client's going may even be the cause.
fn without_consumer(failure: Failure) -> Failure {
    match failure.kind {
        ErrorKind::Transport | ErrorKind::Truncated => {
            // Not with the message, which may quote what is not to be captured.
            let message = "the client dropped the call; the answer did not come to its end".into();
            Failure { message, kind: ErrorKind::Cancelled, ..failure }
        }
        _ => failure,
    }
}

impl<A: Account> Drop for Emitter<A> {
    fn drop(&mut self) {
        self.emit_terminal();
        // A run that is kept does not keep the task.
        self.run().control().forget_task();
    }
}
