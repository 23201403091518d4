//! Ready-made handlers.

mod event_stream;
mod jsonl;
#[cfg(feature = "otel")]
mod otel;
#[cfg(feature = "otel")]
mod outermost;
mod run_tree;

#[cfg(feature = "otel")]
#[cfg_attr(docsrs, doc(cfg(feature = "otel")))]
pub use self::otel::{
    OtelContent, OtelMetrics, OtelMetricsBuilder, OtelSpans, OtelSpansBuilder, SemanticConventions,
};
pub use self::{
    event_stream::{DrivenEvents, EventStream, EventStreamBuilder, StreamEvent},
    jsonl::JsonLines,
    run_tree::{RunTree, RunTrees, TreeEvent},
};
