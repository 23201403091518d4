//! Panics of user code.

use std::{
    any::Any,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// A caught panic, with its message if that is a text.
pub(crate) struct Panic(pub(crate) Option<Arc<str>>);

/// Calls user code, and catches its panic.
///
/// Unwind safety is asserted: the caller does not use what the code may have left broken.
#[inline]
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(f)).map_err(Panic::new)
}

/// Calls user code that only observes, and must not break the call. Returns `None` if it panicked, and logs that `what`
/// did.
#[inline]
pub(crate) fn guarded<T>(what: &str, f: impl FnOnce() -> T) -> Option<T> {
    let result = catch(f).ok();
    if result.is_none() {
        tracing::error!(target: "tower_llm_callbacks", "{what} panicked");
    }
    result
}

impl Panic {
    /// Takes the payload, because dropping it may panic again.
    #[cold]
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let text = text.map(Arc::from);
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            mem::forget(again);
        }
        Self(text)
    }
}
