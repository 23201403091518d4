//! Token counts, money and budgets.

mod budget;
mod totals;
