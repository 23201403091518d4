//! The accounts of shared budgets.

#[expect(
    clippy::module_inception,
    reason = "the folder is about the accounts, the file about `NatsBudgets`"
)]
mod budgets;
mod config;
mod name;

pub use self::{
    budgets::NatsBudgets,
    config::{Bucket, BucketConfig},
};
