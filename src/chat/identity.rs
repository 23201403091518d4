//! How a typed model says which API it calls to the callback layer above it.

use std::{cell::Cell, task::Poll};

/// The provider and the API of a typed model, as events name them.
#[expect(unnameable_types, reason = "the traits of models are sealed")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    pub(crate) provider: &'static str,
    pub(crate) api: &'static str,
}

thread_local! {
    /// The model that was last found ready in this call of `poll_ready`, or the one that a start is read for.
    static CURRENT: Cell<Option<Identity>> = const { Cell::new(None) };
}

/// Says that the model with this identity is asked whether it is ready.
pub(crate) fn announce(identity: Identity) {
    CURRENT.set(Some(identity));
}

/// Returns the identity that is current on this thread.
pub(crate) fn current() -> Option<Identity> {
    CURRENT.get()
}

/// Asks a service whether it is ready, and notes which model answered. Readiness comes from the model itself through
/// every layer that has no queue; below a queue the model stays unknown.
pub(crate) fn listen<T>(known: &mut Option<Identity>, ready: impl FnOnce() -> Poll<T>) -> Poll<T> {
    let outer = CURRENT.take();
    let ready = ready();
    *known = CURRENT.get().or(*known);
    if CURRENT.get().is_none() {
        CURRENT.set(outer);
    }
    ready
}

/// Reads a start with an identity.
pub(crate) fn with<T>(identity: Option<Identity>, start: impl FnOnce() -> T) -> T {
    struct Restore(Option<Identity>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _restore = Restore(CURRENT.replace(identity));
    start()
}
