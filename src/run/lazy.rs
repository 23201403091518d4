use std::sync::OnceLock;

use super::{TraceParent, info::Path};

/// What most runs never need.
#[derive(Default)]
pub(super) struct Lazy {
    /// The path of the children, built with the first of them.
    pub(super) path: OnceLock<Path>,
    #[cfg(feature = "tracing-spans")]
    pub(super) tracing_span: OnceLock<tracing::Span>,
    #[cfg(feature = "otel")]
    pub(super) otel_context: OnceLock<opentelemetry::Context>,
    #[cfg(feature = "otel")]
    pub(super) outer_otel_context: OnceLock<opentelemetry::Context>,
    pub(super) span_context: OnceLock<TraceParent>,
}
