use std::{any::type_name, fmt, sync::Arc, time::Duration};

use super::{Delivery, Overflow, drain::Drain};
use crate::handler::{AsyncCallbackHandler, CallbackHandler, EventMask};

/// A handler with the way events reach it: what [`Callbacks::with`](super::Callbacks::with) takes.
///
/// ```
/// use std::time::Duration;
/// use tower_llm_callbacks::{Callbacks, Registration, on_llm_end};
///
/// let audit = on_llm_end(|run, result| println!("{}: {} tokens", run.run_id(), result.tokens));
/// let callbacks = Callbacks::new().with(
///     Registration::blocking(audit).background().capacity(4096).deadline(Duration::from_secs(5)),
/// );
/// # assert_eq!(callbacks.len(), 1);
/// ```
#[derive(Clone)]
#[must_use = "a handler hears nothing until it is added with `Callbacks::with`"]
pub struct Registration {
    pub(crate) code: Code,
    pub(crate) interests: EventMask,
    pub(crate) identity: Option<usize>,
    pub(crate) name: Arc<str>,
    pub(crate) settings: Settings,
}

#[derive(Clone)]
pub(crate) enum Code {
    Blocking(Arc<dyn CallbackHandler>),
    Asynchronous(Arc<dyn Drain>),
}

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) delivery: Delivery,
    pub(crate) overflow: Overflow,
    pub(crate) capacity: usize,
    pub(crate) deadline: Duration,
    pub(crate) threads: usize,
    pub(crate) max_undelivered_runs: usize,
    pub(crate) required: bool,
}

impl Settings {
    fn new(delivery: Delivery) -> Self {
        Self {
            delivery,
            overflow: Overflow::Wait,
            capacity: 256,
            deadline: Duration::from_secs(30),
            threads: 16,
            max_undelivered_runs: 10_000,
            required: false,
        }
    }

    /// Whether the stream waits for room in the queue.
    pub(crate) fn waits(&self) -> bool {
        self.delivery.is_awaited() && self.overflow == Overflow::Wait
    }
}

impl Registration {
    fn new<H: 'static>(
        code: Code,
        interests: EventMask,
        identity: Option<usize>,
        delivery: Delivery,
    ) -> Self {
        let name = type_name::<H>().into();
        Self { code, interests, identity, name, settings: Settings::new(delivery) }
    }

    /// A handler of plain methods that may block. It runs on threads of its own, pipelined.
    pub fn blocking<H: CallbackHandler>(handler: H) -> Self {
        let (interests, identity) = (handler.interests(), handler.identity());
        let code = Code::Blocking(Arc::new(handler));
        Self::new::<H>(code, interests, identity, Delivery::Pipelined)
    }

    /// A handler of async methods. It runs in a task, pipelined.
    pub fn async_handler<H: AsyncCallbackHandler>(handler: H) -> Self {
        let (interests, identity) = (handler.interests(), handler.identity());
        let code = Code::Asynchronous(Arc::new(handler));
        Self::new::<H>(code, interests, identity, Delivery::Pipelined)
    }

    /// A handler of plain methods that never block: called in the stream's own poll.
    ///
    /// Making it [`pipelined`](Self::pipelined), [`lockstep`](Self::lockstep) or
    /// [`background`](Self::background) after all gives what [`Registration::blocking`] gives.
    pub fn inline<H: CallbackHandler>(handler: H) -> Self {
        let mut handler = Self::blocking(handler);
        handler.settings.delivery = Delivery::Inline;
        handler
    }

    /// Events go to the handler's queue; the default of blocking and async handlers.
    pub fn pipelined(mut self) -> Self {
        self.settings.delivery = Delivery::Pipelined;
        self
    }

    /// An event is handled before the consumer gets the item that it was read off.
    pub fn lockstep(mut self) -> Self {
        self.settings.delivery = Delivery::Lockstep;
        self
    }

    /// Nothing ever waits for the handler: not the call's phases, and not the stream when the
    /// handler's queue is full; tokens are dropped then, and counted.
    pub fn background(mut self) -> Self {
        self.settings.delivery = Delivery::Background;
        self
    }

    /// Sets what happens to tokens when the queue is full. [`Overflow::Wait`] is the default.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.settings.overflow = overflow;
        self
    }

    /// Sets how many tokens (and custom and retry events) of one run wait in the queue at most; 256
    /// is the default. An item that holds several tokens may overshoot. Start and terminal events do
    /// not count. Inline handlers have no queue.
    ///
    /// # Panics
    ///
    /// If the capacity is 0.
    pub fn capacity(mut self, events: usize) -> Self {
        assert!(events > 0, "a handler's capacity must be at least 1 event");
        self.settings.capacity = events;
        self
    }

    /// Sets how long the handler may take for one event, from when the event reached the head of the
    /// run's queue; 30 s is the default. A handler that takes longer (by up to a quarter: it is looked
    /// at in intervals) is given up on for that run, and what it had queued is lost and reported.
    /// [`Duration::MAX`] is no deadline. Inline handlers have none.
    ///
    /// # Panics
    ///
    /// If the deadline is zero.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        assert!(!deadline.is_zero(), "a handler's deadline must be longer than zero");
        self.settings.deadline = deadline;
        self
    }

    /// Sets on how many threads at once a blocking handler may run; 16 is the default. With 1, it is
    /// never entered twice at a time, whatever the number of runs.
    ///
    /// # Panics
    ///
    /// If the number is 0.
    pub fn threads(mut self, threads: usize) -> Self {
        assert!(threads > 0, "a blocking handler needs at least 1 thread");
        self.settings.threads = threads;
        self
    }

    /// Sets for how many runs the handler may hold events that it has not handled; 10,000 is the
    /// default. Beyond, new runs start without it, and each is reported as a fault.
    ///
    /// # Panics
    ///
    /// If the number is 0.
    pub fn max_undelivered_runs(mut self, runs: usize) -> Self {
        assert!(runs > 0, "a handler must be allowed at least 1 run");
        self.settings.max_undelivered_runs = runs;
        self
    }

    /// Makes the call depend on the handler: a fault of it (a panic, a missed deadline, a lost event)
    /// aborts the call, if it comes before the terminal event is told.
    pub fn abort_on_fault(mut self) -> Self {
        self.settings.required = true;
        self
    }

    /// Narrows which events it hears of: those that it [wants](CallbackHandler::interests) itself, as far
    /// as they are among these.
    ///
    /// ```
    /// use tower_llm_callbacks::{Callbacks, EventMask, Registration, RunType, on_event};
    ///
    /// let print = on_event(|run, event| println!("{}: {}", run.name(), event.kind()));
    /// let of_tools = Registration::blocking(print).interests(EventMask::of_runs(RunType::Tool));
    /// # assert_eq!(Callbacks::new().with(of_tools).len(), 1);
    /// ```
    pub fn interests(mut self, interests: EventMask) -> Self {
        self.interests = self.interests & interests;
        self
    }

    /// Sets the name it has in faults; the default is that of its type.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("name", &self.name)
            .field("interests", &self.interests)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
