//! Totals of what model calls use and cost, and budgets that limit it.

mod amount;
mod budget;
mod counts;
mod group;
mod ledger;
mod measured;
mod names;
mod period;
mod price;
mod snapshot;
mod totals;
mod totals_builder;
mod window;

pub use self::{
    amount::{Amount, ParseAmountError},
    budget::{BudgetGuard, BudgetGuardBuilder, BudgetKey, BudgetReport},
    counts::{Cost, ErrorCounts, UsageCounts},
    group::GroupKey,
    price::{ModelPrice, PriceTable, PriceTableError},
    snapshot::{UsageGroup, UsageSnapshot, UsageWindow},
    totals::UsageTotals,
    totals_builder::UsageTotalsBuilder,
};
