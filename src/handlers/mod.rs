//! Ready-made handlers. [The guide](crate::guide::handlers) compares them and lists what each costs.

#[cfg(feature = "console")]
mod console;
mod event_stream;
mod jsonl;
#[cfg(any(feature = "metrics", feature = "otel"))]
mod labels;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(any(feature = "otel", feature = "tracing-spans"))]
mod operation;
#[cfg(feature = "otel")]
mod otel;
#[cfg(any(feature = "metrics", feature = "otel", feature = "usage"))]
mod outermost;
mod run_tree;
#[cfg(feature = "tracing-spans")]
mod tracing;
#[cfg(feature = "usage")]
mod usage;

#[cfg(feature = "console")]
#[cfg_attr(docsrs, doc(cfg(feature = "console")))]
pub use self::console::{ConsoleLog, ConsoleTarget, ConsoleTokens, PrintTrees};
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub use self::metrics::{HandlerMetrics, LlmMetrics, LlmMetricsBuilder, TimedHandler};
#[cfg(feature = "otel")]
#[cfg_attr(docsrs, doc(cfg(feature = "otel")))]
pub use self::otel::{
    OtelContent, OtelMetrics, OtelMetricsBuilder, OtelProfile, OtelSpans, OtelSpansBuilder,
    SemanticConventions,
};
#[cfg(feature = "tracing-spans")]
#[cfg_attr(docsrs, doc(cfg(feature = "tracing-spans")))]
pub use self::tracing::TracingSpans;
#[cfg(feature = "prices")]
#[cfg_attr(docsrs, doc(cfg(feature = "prices")))]
pub use self::usage::PriceDataError;
#[cfg(feature = "usage")]
#[cfg_attr(docsrs, doc(cfg(feature = "usage")))]
pub use self::usage::{
    AccountEntry, AccountStored, BudgetAccounts, BudgetGuard, BudgetGuardBuilder, BudgetKey,
    BudgetReport, Cost, ErrorCounts, GroupKey, ModelPrice, PriceTable, PriceTableError, Prices,
    SharedBudgetGuard, SharedBudgets, UsageCounts, UsageGroup, UsageSnapshot, UsageTotals,
    UsageTotalsBuilder, UsageWindow,
};
pub use self::{
    event_stream::{DrivenEvents, EventStream, EventStreamBuilder, RunEvent},
    jsonl::JsonLines,
    run_tree::{RunTree, RunTrees, RunTreesBuilder, TreeEvent},
};
#[cfg(feature = "usage")]
#[cfg_attr(docsrs, doc(cfg(feature = "usage")))]
pub use crate::event::{Amount, ParseAmountError};
