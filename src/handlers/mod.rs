//! Ready-made handlers. What each costs, holds and does is in [a guide](crate::guide::handlers).

#[cfg(feature = "console")]
mod console;
mod event_stream;
mod jsonl;
#[cfg(any(feature = "metrics", feature = "otel"))]
mod labels;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(any(feature = "otel", feature = "tracing"))]
mod operation;
#[cfg(feature = "otel")]
mod otel;
#[cfg(any(feature = "metrics", feature = "otel", feature = "usage"))]
mod outermost;
mod run_tree;
#[cfg(feature = "tracing")]
mod tracing;
#[cfg(feature = "usage")]
mod usage;

#[cfg(feature = "console")]
#[cfg_attr(docsrs, doc(cfg(feature = "console")))]
pub use self::console::{ConsoleLog, Output, PrintTrees, StreamingOutput};
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub use self::metrics::{Metrics, SetMetrics, Timed};
#[cfg(feature = "otel")]
#[cfg_attr(docsrs, doc(cfg(feature = "otel")))]
pub use self::otel::{
    OtelContent, OtelMetrics, OtelMetricsBuilder, OtelSpans, OtelSpansBuilder, SemanticConventions,
};
#[cfg(feature = "tracing")]
#[cfg_attr(docsrs, doc(cfg(feature = "tracing")))]
pub use self::tracing::TracingSpans;
#[cfg(feature = "usage")]
#[cfg_attr(docsrs, doc(cfg(feature = "usage")))]
pub use self::usage::{
    Amount, BudgetGuard, BudgetKey, BudgetReport, Cost, ErrorCounts, GroupKey, ModelPrice,
    ParseAmountError, PriceTable, PriceTableError, UsageCounts, UsageGroup, UsageSnapshot,
    UsageTotals, UsageWindow,
};
pub use self::{
    event_stream::{DrivenEvents, EventStream, EventStreamBuilder, StreamEvent},
    jsonl::JsonLines,
    run_tree::{RunTree, RunTrees, TreeEvent},
};
