use crate::panics::catch;

/// Calls a wire format or a decoder, which may be user code and must not break the call. Returns `None` if it panicked.
pub(super) fn guarded<T>(reads: &str, f: impl FnOnce() -> T) -> Option<T> {
    let result = catch(f).ok();
    if result.is_none() {
        tracing::error!(target: "tower_llm_callbacks", "a wire format panicked on {reads}");
    }
    result
}
