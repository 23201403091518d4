//! The rows of the table.

pub(crate) fn all(scale: usize, wanted: &dyn Fn(&str) -> bool) -> Vec<bool> {
    let mut met = Vec::new();
    #[cfg(feature = "otel")]
    if wanted("otel") {
        met.extend(crate::otel::rows(scale));
    }
    let _ = (scale, wanted, &mut met);
    met
}
