use std::{fmt, sync::Arc, time::Duration};

use super::accounts::{AnyAccounts, BudgetAccounts};

/// How processes share budgets: the store of the accounts, and what happens if it cannot be reached.
///
/// Passed to [`BudgetGuardBuilder::build_shared`](crate::handlers::BudgetGuardBuilder::build_shared).
#[derive(Clone)]
pub struct SharedBudgets {
    pub(super) name: Arc<str>,
    pub(super) accounts: Arc<dyn AnyAccounts>,
    pub(super) timeout: Duration,
    pub(super) lease: Duration,
    pub(super) admit_when_unreachable: bool,
}

impl SharedBudgets {
    /// Creates the default configuration. All processes with the same name and store share their budgets. They should
    /// have the same limits, keys, windows and currency.
    ///
    /// # Panics
    ///
    /// If the name is empty or longer than 64 bytes.
    #[must_use]
    pub fn new(name: &str, accounts: impl BudgetAccounts) -> Self {
        assert!(
            (1..=64).contains(&name.len()),
            "the name of shared budgets must have 1 to 64 bytes, not {}",
            name.len()
        );
        Self {
            name: name.into(),
            accounts: Arc::new(accounts),
            timeout: Duration::from_secs(2),
            lease: Duration::from_secs(60),
            admit_when_unreachable: false,
        }
    }

    /// Sets how long a call waits at its start for the store, and how long a request to the store may take; the default is
    /// 2 s. After a call has waited in vain, further calls wait for a twentieth of it until the store responds again.
    ///
    /// # Panics
    ///
    /// If the time is zero.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        assert!(!timeout.is_zero(), "`timeout` of shared budgets must be longer than zero");
        self.timeout = timeout;
        self
    }

    /// Sets after which time without a sign of life the reservations of a process are released; the default is 60 s. A
    /// process with open runs gives one every third of it.
    ///
    /// # Panics
    ///
    /// If the time is zero.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        assert!(!lease.is_zero(), "`lease` of shared budgets must be longer than zero");
        self.lease = lease;
        self
    }

    /// Admits calls while the store cannot be reached, within what the budget had left when this process last read it. A
    /// budget that it never read counts as unspent. By default such calls are refused with status 503.
    ///
    /// So each process can spend what was left once more.
    #[must_use]
    pub fn admit_when_unreachable(mut self) -> Self {
        self.admit_when_unreachable = true;
        self
    }
}

impl fmt::Debug for SharedBudgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedBudgets")
            .field("name", &self.name)
            .field("timeout", &self.timeout)
            .field("lease", &self.lease)
            .field("admit_when_unreachable", &self.admit_when_unreachable)
            .finish_non_exhaustive()
    }
}
