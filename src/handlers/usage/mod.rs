//! Totals of what model calls use and cost, and budgets that limit it.

mod books;
mod budget;
mod counts;
mod group;
mod names;
mod period;
mod price;
mod priced;
mod snapshot;
mod totals;
mod totals_builder;
mod used;
mod window;

#[cfg(feature = "prices")]
pub use self::price::PriceDataError;
pub use self::{
    budget::{
        AccountEntry, AccountStored, BudgetAccounts, BudgetGuard, BudgetGuardBuilder, BudgetKey,
        BudgetReport, SharedBudgetGuard, SharedBudgets,
    },
    counts::{Cost, ErrorCounts, UsageCounts},
    group::GroupKey,
    price::{ModelPrice, PriceTable, PriceTableError, Prices},
    snapshot::{UsageGroup, UsageSnapshot, UsageWindow},
    totals::UsageTotals,
    totals_builder::UsageTotalsBuilder,
};
