use std::{fmt, sync::Arc, time::Duration};

use tokio::runtime::Handle;

use super::{Fault, FlushReport, HandlerStats, Registration, cell::Cell, flush, shared::Shared};
use crate::handler::{AsyncCallbackHandler, CallbackHandler};

/// A set of handlers, each with its way of delivery.
///
/// Cheap to clone, and without type parameters. An empty set costs a wrapped call nothing.
///
/// The same handler instance (the same [`Arc`]) is told of an event once, however often and by
/// whatever route it came: the first time it was added counts, with its delivery.
///
/// ```
/// use std::sync::Arc;
/// use tower_llm_callbacks::{CallbackHandler, Callbacks, on_llm_new_token};
///
/// struct Counter;
/// impl CallbackHandler for Counter {}
///
/// let counter = Arc::new(Counter);
/// let callbacks = Callbacks::new()
///     .blocking(on_llm_new_token(|_run, token| println!("{}", token.text())))
///     .inline(counter.clone())
///     .inline(counter);
/// assert_eq!(callbacks.len(), 2);
/// ```
#[derive(Clone, Default)]
pub struct Callbacks {
    cells: Arc<Vec<Arc<Cell>>>,
    shared: Arc<Shared>,
}

impl Callbacks {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a handler.
    #[must_use]
    pub fn add(mut self, registration: Registration) -> Self {
        let cell = Cell::new(registration, Arc::clone(&self.shared));
        self.push(&Arc::new(cell));
        self
    }

    /// Adds a handler of plain methods that may block: [`Registration::blocking`].
    #[must_use]
    pub fn blocking(self, handler: impl CallbackHandler) -> Self {
        self.add(Registration::blocking(handler))
    }

    /// Adds a handler of async methods: [`Registration::async_handler`].
    #[must_use]
    pub fn async_handler(self, handler: impl AsyncCallbackHandler) -> Self {
        self.add(Registration::async_handler(handler))
    }

    /// Adds a handler of plain methods that is called in the stream's own poll:
    /// [`Registration::inline`].
    #[must_use]
    pub fn inline(self, handler: impl CallbackHandler) -> Self {
        self.add(Registration::inline(handler))
    }

    /// Adds the handlers of another set, with their delivery, fault hooks and runtime.
    #[must_use]
    pub fn merge(mut self, other: &Callbacks) -> Self {
        for cell in other.cells.iter() {
            self.push(cell);
        }
        self
    }

    /// Adds a hook that is called when a handler of this set fails, or loses events.
    ///
    /// It is called on the thread that notices: a runtime's worker, a handler's thread, or the one
    /// that drops a stream. It must not block. A panic in it is caught.
    #[must_use]
    pub fn on_fault(self, hook: impl Fn(&Fault) + Send + Sync + 'static) -> Self {
        self.shared.add_hook(Arc::new(hook));
        self
    }

    /// Runs the handlers of this set on a runtime of their own, rather than the one that a call is
    /// made in.
    #[must_use]
    pub fn runtime(self, runtime: Handle) -> Self {
        self.shared.set_runtime(runtime);
        self
    }

    /// Waits until every event that was told before has been handled, or lost, but no longer than
    /// the deadline; says what was not handled by then.
    ///
    /// It does not wait for the end of runs in flight. Call it before a runtime shuts down, so that
    /// the last events get through.
    ///
    /// # Panics
    ///
    /// If it is not polled in a tokio runtime whose timer is enabled.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tower_llm_callbacks::Callbacks;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # let callbacks = Callbacks::new();
    /// let report = callbacks.flush(Duration::from_secs(5)).await;
    /// assert!(report.is_complete(), "{report:?}");
    /// # }
    /// ```
    pub async fn flush(&self, deadline: Duration) -> FlushReport {
        flush::flush(&self.cells, deadline).await
    }

    /// How each handler is doing, in the order of the set: how much it has still to handle, and what it has
    /// lost. Costs a look at each of its runs in flight.
    ///
    /// ```
    /// # use tower_llm_callbacks::Callbacks;
    /// # let callbacks = Callbacks::new();
    /// for handler in callbacks.stats() {
    ///     println!("{}: {} events to go", handler.handler, handler.undelivered_events);
    /// }
    /// ```
    pub fn stats(&self) -> Vec<HandlerStats> {
        self.cells.iter().map(|cell| cell.stats()).collect()
    }

    /// Number of handlers.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether it has no handler.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    pub(crate) fn cells(&self) -> &Arc<Vec<Arc<Cell>>> {
        &self.cells
    }

    fn push(&mut self, cell: &Arc<Cell>) {
        let cells = Arc::make_mut(&mut self.cells);
        if cells.iter().all(|other| other.identity() != cell.identity()) {
            cells.push(Arc::clone(cell));
        }
    }
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.cells.iter().map(|cell| &cell.name);
        f.debug_list().entries(names).finish()
    }
}
