//! Ready-made handlers.

mod event_stream;
mod jsonl;
#[cfg(feature = "usage")]
mod outermost;
mod run_tree;
#[cfg(feature = "usage")]
mod usage;

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
