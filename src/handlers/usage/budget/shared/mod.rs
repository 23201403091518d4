//! Budgets that several processes share.

mod account;
mod accounts;
mod books;
mod config;
mod guard;
mod keeper;
mod part;
mod state;
mod store;
mod sync;

pub use self::{
    accounts::{AccountEntry, AccountStored, BudgetAccounts},
    config::SharedBudgets,
    guard::SharedBudgetGuard,
};
