use std::{fmt, sync::Arc};

use super::{Callbacks, live::LiveMembers};

/// A set of handlers that can be replaced while calls are made.
///
/// Every method that takes callbacks takes it, by value or by reference. A run has the handlers of the set that is current
/// when it starts, until it ends, and so do the runs below it that inherit them: a replacement takes no event from a run, and
/// adds none to it. Handlers that are in both sets go on; the others are dropped when the last of their runs has ended.
///
/// Clones are the same set. Faults are reported to the hooks of the set that was current, and to those of a set that this one is
/// [merged](Callbacks::merge) into.
///
/// ```
/// use tower_llm_callbacks::{CallbackLayer, Callbacks, callbacks::Reloadable, on_llm_end};
///
/// let print = |prefix: &'static str| on_llm_end(move |run, _| println!("{prefix} {}", run.name()));
/// let live = Reloadable::new(Callbacks::new().blocking(print("before")));
/// let layer = CallbackLayer::new(&live);
/// // … and on a signal:
/// let replaced = live.replace(Callbacks::new().blocking(print("after")));
/// # let _ = (layer, replaced);
/// ```
#[derive(Clone)]
pub struct Reloadable(Arc<LiveMembers>);

impl Reloadable {
    /// Creates a set with these handlers.
    pub fn new(callbacks: impl Into<Callbacks>) -> Self {
        Self(Arc::new(LiveMembers::new(callbacks.into().members())))
    }

    /// Has runs that start from now on notify other handlers. Returns the set before.
    ///
    /// [Flush](Callbacks::flush) the returned set to wait for events that its handlers have still to handle; not for runs in
    /// flight. A flush of a set that this one is part of waits for them too. If the new set has a reloadable set in it, its
    /// present handlers are taken.
    pub fn replace(&self, callbacks: impl Into<Callbacks>) -> Callbacks {
        Callbacks::of(self.0.replace(callbacks.into().members()))
    }

    /// Returns the handlers that runs notify that start now.
    pub fn current(&self) -> Callbacks {
        Callbacks::of(self.0.current())
    }
}

impl From<&Reloadable> for Callbacks {
    fn from(live: &Reloadable) -> Self {
        Callbacks::new().with_live(&live.0)
    }
}

impl From<Reloadable> for Callbacks {
    fn from(live: Reloadable) -> Self {
        (&live).into()
    }
}

impl fmt::Debug for Reloadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reloadable").field(&self.current()).finish()
    }
}
