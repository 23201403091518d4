//! Locks that a panic cannot poison.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex, whether or not a thread panicked while it held the lock.
///
/// No user code is called under a lock in this crate, so the data is whole.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The locks and atomics of code that has `loom` models, which replace them.
pub(crate) mod modelled {
    #[cfg(all(test, loom))]
    pub(crate) use loom::sync::{Mutex, MutexGuard, atomic};
    use std::sync::PoisonError;
    #[cfg(not(all(test, loom)))]
    pub(crate) use std::sync::{Mutex, MutexGuard, atomic};

    /// As [`lock`](super::lock).
    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
