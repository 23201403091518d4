use std::{fmt, sync::Arc, time::Duration};

use tokio::{runtime::Handle, time::timeout};

use super::{
    FlushReport, HandlerStats, Registration,
    flush::Flush,
    live::{LiveMembers, LivePart},
    stats,
};
use crate::{
    delivery::{Fault, Hook, Hooks, Member},
    handler::{AsyncCallbackHandler, CallbackHandler},
};

/// A set of handlers, each with its delivery.
///
/// A value: every method affects the set that it is called on, with all its handlers, and no clone of it. Cheap to
/// clone, and without type parameters. An empty set costs a wrapped call nothing.
///
/// A handler instance that is added more than once is notified once, with the delivery of its first registration. An
/// instance is an [`Arc`], a clone of a [`Registration`], or what the handler
/// [identifies](CallbackHandler::identity).
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
    members: Arc<Vec<Arc<Member>>>,
    /// Reloadable sets that are part of this one.
    live: Vec<LivePart>,
    /// For handlers that are added later.
    hooks: Hooks,
    runtime: Option<Handle>,
}

impl Callbacks {
    /// Creates an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a handler with the delivery of its registration.
    #[expect(clippy::should_implement_trait, reason = "a set and a registration are no operands")]
    #[must_use]
    pub fn add(mut self, registration: Registration) -> Self {
        let (slot, executor) = registration.into_slot();
        let (hooks, runtime) = (self.hooks.clone(), self.runtime.clone());
        self.push(Arc::new(Member { slot, executor, hooks, runtime }));
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

    /// Adds a handler of plain methods that is called in the stream's poll: [`Registration::inline`].
    #[must_use]
    pub fn inline(self, handler: impl CallbackHandler) -> Self {
        self.add(Registration::inline(handler))
    }

    /// Adds the handlers of another set, with their delivery, fault hooks and runtime.
    ///
    /// The hooks of this set, added before or after, apply to them too. The runtime of this set applies to those
    /// without a runtime.
    #[must_use]
    pub fn merge(mut self, other: impl Into<Callbacks>) -> Self {
        let other = other.into();
        for live in other.live {
            let LivePart { set, mut hooks, runtime } = live;
            hooks.merge(&self.hooks);
            let runtime = runtime.or_else(|| self.runtime.clone());
            self.push_live(LivePart { set, hooks, runtime });
        }
        for member in other.members.iter() {
            self.push(member.in_set(&self.hooks, self.runtime.as_ref()));
        }
        self
    }

    /// Adds a hook that is called when a handler of this set fails, or loses events.
    ///
    /// It is called on the thread that notices the fault: a runtime's worker, a handler's thread, the thread that drops a
    /// stream, or the one that watches deadlines, in the handler's runtime. It must not block. Its panic is caught. Calls that
    /// it makes do not notify the handler.
    #[must_use]
    pub fn on_fault(mut self, hook: impl Fn(&Fault) + Send + Sync + 'static) -> Self {
        let hook: Hook = Arc::new(hook);
        self.hooks.add(&hook);
        self.live.iter_mut().for_each(|live| live.hooks.add(&hook));
        self.change(|member| member.hooks.add(&hook));
        self
    }

    /// Sets the runtime of the handlers of this set. By default it is the one that a call is made in. Handlers of a
    /// [`Reloadable`](super::Reloadable) set that have a runtime there keep it.
    ///
    /// Async handlers run as tasks of it, blocking ones on their threads inside it. After it has shut down, blocking
    /// handlers are called in no runtime.
    #[must_use]
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.live.iter_mut().for_each(|live| live.runtime = Some(runtime.clone()));
        self.change(|member| member.runtime = Some(runtime.clone()));
        self.runtime = Some(runtime);
        self
    }

    /// Waits until every event that was emitted before is handled or lost, at most until the deadline. Returns what
    /// was not handled by then.
    ///
    /// Waits for the end of an answer that is complete, but not for runs in flight. Call it before a runtime shuts down, so
    /// that the last events are delivered.
    ///
    /// In the code of a handler of the set it waits for everything but the event that is handled there, and what that holds
    /// up.
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
        let mut flush = Flush::begin(&self.awaited());
        let _ = timeout(deadline, flush.wait()).await;
        flush.report()
    }

    /// As [`flush`](Self::flush), for code without a runtime: blocks the thread.
    ///
    /// Must not be called from async code: it would keep the thread from the tasks that it waits for.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tower_llm_callbacks::Callbacks;
    /// # let callbacks = Callbacks::new();
    /// let report = callbacks.flush_blocking(Duration::from_secs(5));
    /// assert!(report.is_complete(), "{report:?}");
    /// ```
    pub fn flush_blocking(&self, deadline: Duration) -> FlushReport {
        let mut flush = Flush::begin(&self.awaited());
        flush.wait_blocking(deadline);
        flush.report()
    }

    /// Returns, for each handler in the order of the set, how many events it has still to handle and how many it has
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
        self.members().iter().map(|member| stats::of(member)).collect()
    }

    /// Returns the number of handlers.
    pub fn len(&self) -> usize {
        self.members().len()
    }

    /// Returns true if the set has no handler.
    pub fn is_empty(&self) -> bool {
        // Asked for each call, so nothing is built.
        self.members.is_empty() && self.live.iter().all(|live| live.set.current().is_empty())
    }

    /// Adds a hook for each handler, made from its label.
    #[cfg(feature = "metrics")]
    pub(crate) fn on_fault_of_each(mut self, hook: impl Fn(String) -> Hook) -> Self {
        let labels = self.labels();
        for (member, label) in Arc::make_mut(&mut self.members).iter_mut().zip(labels) {
            Arc::make_mut(member).hooks.add(&hook(label));
        }
        self
    }

    /// Returns a label for each handler: its name and, for a further handler of the same name, a number.
    #[cfg(feature = "metrics")]
    pub(crate) fn labels(&self) -> Vec<String> {
        let mut counts = std::collections::HashMap::new();
        let label = |member: &Arc<Member>| {
            let name = &member.slot.name;
            let count = counts.entry(Arc::clone(name)).and_modify(|count| *count += 1).or_insert(1);
            if *count == 1 { name.to_string() } else { format!("{name}#{count}") }
        };
        self.members.iter().map(label).collect()
    }

    /// Adds the handlers of another set as they are: each reports to the hooks of the set that it was in.
    pub(crate) fn attach(&mut self, other: &Callbacks) {
        other.members.iter().for_each(|member| self.push(Arc::clone(member)));
        other.live.iter().for_each(|live| self.push_live(live.clone()));
    }

    /// Returns the handlers, those of reloadable sets as they are now.
    pub(crate) fn members(&self) -> Vec<Arc<Member>> {
        let mut all = self.clone();
        for live in &self.live {
            live.members().iter().for_each(|member| all.push(Arc::clone(member)));
        }
        all.members.to_vec()
    }

    /// Returns the handlers that are always in the set.
    pub(crate) fn fixed(&self) -> &[Arc<Member>] {
        &self.members
    }

    /// Returns the reloadable sets that are part of this one.
    pub(crate) fn live(&self) -> &[LivePart] {
        &self.live
    }

    pub(super) fn of(members: Arc<Vec<Arc<Member>>>) -> Self {
        Self { members, ..Self::default() }
    }

    pub(super) fn with_live(mut self, live: &Arc<LiveMembers>) -> Self {
        let set = Arc::clone(live);
        self.push_live(LivePart { set, hooks: Hooks::default(), runtime: None });
        self
    }

    fn push_live(&mut self, live: LivePart) {
        if self.live.iter().all(|other| !Arc::ptr_eq(&other.set, &live.set)) {
            self.live.push(live);
        }
    }

    /// What a flush waits for: handlers that were replaced may still have events.
    fn awaited(&self) -> Vec<Arc<Member>> {
        let mut all = self.members();
        for former in self.live.iter().flat_map(|live| live.set.former()) {
            if all.iter().all(|member| member.slot.identity != former.slot.identity) {
                all.push(former);
            }
        }
        all
    }

    /// Changes every member, for this set only.
    fn change(&mut self, change: impl Fn(&mut Member)) {
        let members = Arc::make_mut(&mut self.members);
        members.iter_mut().for_each(|member| change(Arc::make_mut(member)));
    }

    fn push(&mut self, member: Arc<Member>) {
        if self.members.iter().all(|other| other.slot.identity != member.slot.identity) {
            Arc::make_mut(&mut self.members).push(member);
        }
    }
}

/// A clone, so that methods that take a set accept a reference too.
impl From<&Callbacks> for Callbacks {
    fn from(callbacks: &Callbacks) -> Self {
        callbacks.clone()
    }
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = self.members();
        f.debug_list().entries(members.iter().map(|member| &member.slot.name)).finish()
    }
}
