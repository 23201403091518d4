//! Budgets, and who guards them.

mod accounts;
mod guard;
mod key;
mod open;
mod report;
mod reserve;
mod settings;
mod setup;
mod spending;

pub use self::{
    guard::BudgetGuard,
    report::{BudgetKey, BudgetReport},
};
