//! Budgets of tokens and money for model calls.

mod balances;
mod builder;
mod guard;
mod key;
mod open_run;
mod refusal;
mod report;
mod reserve;
mod settings;
mod shared;
mod spending;

pub use self::{
    builder::BudgetGuardBuilder,
    guard::BudgetGuard,
    report::{BudgetKey, BudgetReport},
    shared::{AccountEntry, AccountStored, BudgetAccounts, SharedBudgetGuard, SharedBudgets},
};
