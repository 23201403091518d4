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
    /// The model that answered in the `poll_ready` of a layer that listens, or the one that a start is read for.
    static CURRENT: Cell<Option<Identity>> = const { Cell::new(None) };
    /// The number of layers that listen.
    static LISTENING: Cell<usize> = const { Cell::new(0) };
}

/// Says that the model with this identity is asked whether it is ready.
pub(crate) fn announce(identity: Identity) {
    if LISTENING.get() > 0 {
        CURRENT.set(Some(identity));
    }
}

/// Returns the identity that is current on this thread.
pub(crate) fn current() -> Option<Identity> {
    CURRENT.get()
}

/// Asks a service whether it is ready, and notes which model answered. Readiness comes from the model itself through
/// every layer that has no queue; below a queue the model stays unknown.
pub(crate) fn listen<T>(known: &mut Option<Identity>, ready: impl FnOnce() -> Poll<T>) -> Poll<T> {
    struct Listening(Option<Identity>);
    impl Drop for Listening {
        fn drop(&mut self) {
            LISTENING.set(LISTENING.get() - 1);
            // A layer above listens too, and hears of the model.
            if LISTENING.get() == 0 {
                CURRENT.set(self.0);
            }
        }
    }
    let _listening = Listening(CURRENT.take());
    LISTENING.set(LISTENING.get() + 1);
    let ready = ready();
    *known = CURRENT.get().or(*known);
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
