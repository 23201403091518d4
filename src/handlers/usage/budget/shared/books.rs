use std::{
    collections::HashMap,
    mem,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use uuid::Uuid;

use super::account::Account;
use crate::handlers::usage::budget::{
    balances::Tally,
    open_run::{BalanceKey, OpenRun},
};

/// The accounts that this process draws on, and its open runs.
#[derive(Default)]
pub(super) struct Books {
    window: u64,
    pub(super) accounts: HashMap<BalanceKey, Arc<Account>>,
    /// Accounts of past windows that runs were open on.
    past: Vec<Arc<Account>>,
    pub(super) open: HashMap<Uuid, SharedRun>,
    pub(super) tally: Tally,
}

/// An admitted run, and the account that it draws on, if any.
pub(super) struct SharedRun {
    pub(super) open: OpenRun,
    pub(super) account: Option<Arc<Account>>,
}

impl Books {
    /// Makes a window the current one. Returns what is no longer used, to be dropped outside of the lock.
    pub(super) fn turn_to(&mut self, now: u64) -> Vec<Arc<Account>> {
        if self.window == now {
            return Vec::new();
        }
        self.window = now;
        let mut all = mem::take(&mut self.past);
        all.extend(mem::take(&mut self.accounts).into_values());
        // A run or a task holds it too.
        let (past, idle) = all.into_iter().partition(|account| Arc::strong_count(account) > 1);
        self.past = past;
        idle
    }

    pub(super) fn window(&self) -> u64 {
        self.window
    }

    /// Returns the account of a key in the current window: its own, or the shared one if there are `max` keys.
    pub(super) fn account(
        &mut self,
        key: Arc<str>,
        max: usize,
        name: &str,
        start: Option<SystemTime>,
    ) -> Arc<Account> {
        let key = Some(key);
        let full = self.accounts.len() >= max && !self.accounts.contains_key(&key);
        let key = if full { None } else { key };
        if let Some(account) = self.accounts.get(&key) {
            return Arc::clone(account);
        }
        let account = Account::new(account_name(name, start, key.as_deref()));
        self.accounts.insert(key, Arc::clone(&account));
        account
    }

    /// Returns the accounts of all windows.
    pub(super) fn all(&self) -> Vec<Arc<Account>> {
        self.past.iter().chain(self.accounts.values()).cloned().collect()
    }
}

/// Returns the name of an account: of the budgets, of the window (its start in milliseconds since 1970) and of the key.
fn account_name(budgets: &str, start: Option<SystemTime>, key: Option<&str>) -> String {
    let start = start.and_then(|start| start.duration_since(UNIX_EPOCH).ok());
    let window = start.map_or_else(|| "all".to_owned(), |start| start.as_millis().to_string());
    match key {
        Some(key) => format!("{budgets}/{window}/key/{key}"),
        None => format!("{budgets}/{window}/rest"),
    }
}
