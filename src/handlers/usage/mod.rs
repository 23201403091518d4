//! What model calls use and cost, and budgets for it.

mod amount;
mod budget;
mod counts;
mod group;
mod ledger;
mod measured;
mod names;
mod period;
mod price;
mod setup;
mod snapshot;
mod totals;
mod window;

pub use self::{
    amount::{Amount, ParseAmountError},
    budget::{BudgetGuard, BudgetKey, BudgetReport},
    counts::{Cost, ErrorCounts, UsageCounts},
    group::GroupKey,
    price::{ModelPrice, PriceTable, PriceTableError},
    snapshot::{UsageGroup, UsageSnapshot, UsageWindow},
    totals::UsageTotals,
};
