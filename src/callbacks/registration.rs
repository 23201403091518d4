use std::{fmt, sync::Arc, time::Duration};

use crate::{
    delivery::{Code, Delivery, Executor, Overflow, Settings, Slot, Suspension},
    handler::{AsyncCallbackHandler, CallbackHandler, EventMask, Identity},
};

/// A handler with the way events reach it, for [`Callbacks::add`](super::Callbacks::add).
///
/// Clones are the same instance: a set that gets two of them notifies the handler once.
///
/// ```
/// use std::time::Duration;
/// use tower_llm_callbacks::{Callbacks, Registration, on_llm_end};
///
/// let audit = on_llm_end(|run, result| println!("{}: {} tokens", run.run_id(), result.tokens));
/// let callbacks = Callbacks::new().add(
///     Registration::blocking(audit).background().capacity(4096).deadline(Duration::from_secs(5)),
/// );
/// # assert_eq!(callbacks.len(), 1);
/// ```
#[derive(Clone)]
#[must_use = "a handler is not called until it is added with `Callbacks::add`"]
pub struct Registration {
    code: Code,
    event_mask: EventMask,
    identity: Identity,
    name: Arc<str>,
    settings: Settings,
}

impl Registration {
    /// Registers a handler of plain methods that may block. It runs on threads of its own, pipelined.
    pub fn blocking<H: CallbackHandler>(handler: H) -> Self {
        Self {
            event_mask: handler.event_mask(),
            identity: handler.identity().unwrap_or_else(Identity::unique),
            name: handler.name().into(),
            code: Code::blocking(handler),
            settings: Settings::new(Delivery::Pipelined),
        }
    }

    /// Registers a handler of async methods. It runs in a task for each run, pipelined.
    pub fn async_handler<H: AsyncCallbackHandler>(handler: H) -> Self {
        Self {
            event_mask: handler.event_mask(),
            identity: handler.identity().unwrap_or_else(Identity::unique),
            name: handler.name().into(),
            code: Code::asynchronous(handler),
            settings: Settings::new(Delivery::Pipelined),
        }
    }

    /// Registers a handler of plain methods that never block. It is called in the stream's poll.
    ///
    /// Made [`pipelined`](Self::pipelined), [`lockstep`](Self::lockstep) or [`background`](Self::background)
    /// afterwards, it is what [`Registration::blocking`] returns.
    pub fn inline<H: CallbackHandler>(handler: H) -> Self {
        let mut registration = Self::blocking(handler);
        registration.settings.delivery = Delivery::Inline;
        registration
    }

    /// Puts events into the handler's queue: the default of blocking and async handlers.
    pub fn pipelined(mut self) -> Self {
        self.settings.delivery = Delivery::Pipelined;
        self
    }

    /// Has an event handled before the consumer gets the item that caused it.
    ///
    /// The stream's poll polls an async handler itself, because it waits for it in any case: the handler's code may then see
    /// task-local values of the consumer's task, and must not use `block_in_place`.
    pub fn lockstep(mut self) -> Self {
        self.settings.delivery = Delivery::Lockstep;
        self
    }

    /// Has nothing wait for the handler: neither the phases of a call, nor a stream when the queue is full. Tokens are
    /// dropped then, and counted.
    pub fn background(mut self) -> Self {
        self.settings.delivery = Delivery::Background;
        self
    }

    /// Sets what happens to tokens when the queue is full. The default is [`Overflow::Wait`].
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.settings.overflow = overflow;
        self
    }

    /// Sets how many tokens, custom events and retries of one run the queue holds. The default is 256.
    ///
    /// An item of several tokens may exceed the capacity. Start and terminal events do not count. Inline handlers have
    /// no queue.
    ///
    /// # Panics
    ///
    /// If the capacity is 0.
    pub fn capacity(mut self, events: usize) -> Self {
        assert!(events > 0, "a handler's capacity must be at least 1 event");
        self.settings.capacity = events;
        self
    }

    /// Sets how long the handler may take for one event, from when the event reached the head of the run's queue. The
    /// default is 30 s.
    ///
    /// A handler that takes longer is detached from that run, and the events in its queue are lost and reported. The
    /// deadline is checked at intervals: it may be exceeded by up to a quarter. [`Duration::MAX`] is no deadline.
    /// Inline handlers have no deadline. It is kept although an async handler blocks its thread. It is measured by the clock
    /// of the system or, for an async handler, by the clock of its runtime where a test has paused that.
    ///
    /// A handler that misses its deadline in several runs in a row is [suspended](Self::suspension).
    ///
    /// # Panics
    ///
    /// If the deadline is zero.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        assert!(!deadline.is_zero(), "a handler's deadline must be longer than zero");
        self.settings.deadline = deadline;
        self
    }

    /// Sets how long the events of all runs may gather before the handler is woken for them. The default is 0, and 10 ms for
    /// blocking [background](Self::background) handlers.
    ///
    /// Waking a thread for each token costs more than most handlers do. A handler that lingers is woken for a token at most
    /// once in this time, and then gets what has gathered; the first token after a pause comes at once. Starts and terminal
    /// events do not wait, nor does anything before them, nor a [flush](crate::Callbacks::flush), nor a queue that is half
    /// full or has 64 events. A lockstep or inline handler never lingers. An async handler has a task for each run: to
    /// linger pays if it takes [batches](crate::AsyncCallbackHandler::on_events).
    ///
    /// What handlers are called with is the same, but a token's [time](crate::Event::time), without
    /// [`EventMask::TOKEN_TIMES`], is that of the call of the handler. The linger is measured by the clock of the call's runtime, if a test has
    /// paused that.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_llm_callbacks::{Registration, on_llm_new_token};
    ///
    /// let print = on_llm_new_token(|_run, token| print!("{}", token.text()));
    /// let print = Registration::blocking(print).linger(Duration::from_millis(5));
    /// ```
    pub fn linger(mut self, linger: Duration) -> Self {
        self.settings.linger = Some(linger);
        self
    }

    /// Sets how many threads a blocking handler may use at once. The default is 16.
    ///
    /// With 1, the handler is never called twice at a time, whatever the number of runs.
    ///
    /// A handler that waits for a call of its own waits for the blocking handlers that observe this call. If those wait in the
    /// same way for this handler, and all threads of both are taken, each waits for the other until its
    /// [deadline](Self::deadline). Register handlers that call models as async ones, or in [background](Self::background).
    ///
    /// # Panics
    ///
    /// If the number is 0.
    pub fn threads(mut self, threads: usize) -> Self {
        assert!(threads > 0, "a blocking handler needs at least 1 thread");
        self.settings.threads = threads;
        self
    }

    /// Sets how many runs with undelivered events the handler may have. The default is 10,000.
    ///
    /// Beyond that, new runs start without the handler, and each is reported as a fault.
    ///
    /// # Panics
    ///
    /// If the number is 0.
    pub fn max_undelivered_runs(mut self, runs: usize) -> Self {
        assert!(runs > 0, "a handler must be allowed at least 1 run");
        self.settings.max_undelivered_runs = runs;
        self
    }

    /// Sets when the handler is suspended because it keeps failing. `None` turns that off.
    ///
    /// A handler that [aborts calls](Self::abort_on_fault) is never suspended.
    pub fn suspension(mut self, suspension: impl Into<Option<Suspension>>) -> Self {
        self.settings.suspension = suspension.into();
        self
    }

    /// Aborts the call if the handler faults: if it panics, fails, misses its deadline or loses an event before the
    /// terminal event is emitted.
    pub fn abort_on_fault(mut self) -> Self {
        self.settings.abort_on_fault = true;
        self
    }

    /// Restricts the events that the handler is called for: those of its own
    /// [mask](CallbackHandler::event_mask) that are in this one too.
    ///
    /// ```
    /// use tower_llm_callbacks::{Callbacks, EventMask, Registration, RunType, on_event};
    ///
    /// let print = on_event(|run, event| println!("{}: {}", run.name(), event.kind()));
    /// let of_tools = Registration::blocking(print).event_mask(EventMask::of_runs(RunType::Tool));
    /// # assert_eq!(Callbacks::new().add(of_tools).len(), 1);
    /// ```
    pub fn event_mask(mut self, event_mask: EventMask) -> Self {
        self.event_mask &= event_mask;
        self
    }

    /// Sets the handler's name in faults and logs. The default is [the handler's own](CallbackHandler::name).
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    pub(super) fn into_slot(self) -> (Arc<Slot>, Option<Arc<dyn Executor>>) {
        let Self { code, event_mask, identity, name, settings } = self;
        code.into_slot((event_mask, name, identity), settings)
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("name", &self.name)
            .field("event_mask", &self.event_mask)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
