use std::{future::Future, pin::Pin, sync::Arc};

use tower::BoxError;

/// The store in which several processes keep the accounts of their budgets: see
/// [`SharedBudgetGuard`](super::SharedBudgetGuard).
///
/// A store maps names to texts, and replaces a text by compare-and-set. What a text means is the guard's affair.
///
/// # Contract
///
/// - A name has at most 900 bytes, and may contain any character. Different names are different accounts.
/// - Each change of an account gives it a revision that it did not have before.
/// - [`store`](Self::store) is atomic: of concurrent calls with the same revision, at most one succeeds.
/// - An error may leave it open whether the text was stored, at once or later. The guard finds out: it writes absolute
///   numbers, so that a change that is written twice counts once.
/// - [`load`](Self::load) may return an earlier text than the current one: then the guard's change fails and it loads again. But
///   it must catch up.
/// - A future may be dropped at any time. The guard limits how long it waits.
/// - An account may be forgotten when its window is long over.
///
/// [`NatsBudgets`](crate::nats::NatsBudgets) (feature `nats`) is such a store. Here is one in memory, for tests:
///
/// ```
/// use std::{collections::HashMap, sync::Mutex};
/// use tower::BoxError;
/// use tower_llm_callbacks::handlers::{AccountEntry, AccountStored, BudgetAccounts};
///
/// #[derive(Default)]
/// struct InMemory(Mutex<HashMap<String, AccountEntry>>);
///
/// impl BudgetAccounts for InMemory {
///     async fn load(&self, account: &str) -> Result<Option<AccountEntry>, BoxError> {
///         Ok(self.0.lock().unwrap().get(account).cloned())
///     }
///
///     async fn store(
///         &self,
///         account: &str,
///         value: String,
///         revision: Option<u64>,
///     ) -> Result<AccountStored, BoxError> {
///         let mut accounts = self.0.lock().unwrap();
///         if accounts.get(account).map(|entry| entry.revision) != revision {
///             return Ok(AccountStored::Changed);
///         }
///         let revision = revision.unwrap_or(0) + 1;
///         accounts.insert(account.to_owned(), AccountEntry::new(value, revision));
///         Ok(AccountStored::Revision(revision))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a store of budgets' accounts",
    note = "implement `BudgetAccounts`, or use `nats::NatsBudgets`"
)]
pub trait BudgetAccounts: Send + Sync + 'static {
    /// Returns the text of an account and its revision, or `None` if it has none.
    ///
    /// # Errors
    ///
    /// Returns an error if the store cannot be reached.
    fn load(
        &self,
        account: &str,
    ) -> impl Future<Output = Result<Option<AccountEntry>, BoxError>> + Send;

    /// Replaces the text of an account if it still has this revision: `None` if it had no text.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not known whether the text was stored.
    fn store(
        &self,
        account: &str,
        value: String,
        revision: Option<u64>,
    ) -> impl Future<Output = Result<AccountStored, BoxError>> + Send;
}

/// The text of an account, and its revision.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountEntry {
    /// The text: JSON.
    pub value: String,
    /// The revision.
    pub revision: u64,
}

impl AccountEntry {
    /// Creates an entry.
    pub fn new(value: impl Into<String>, revision: u64) -> Self {
        Self { value: value.into(), revision }
    }
}

/// The outcome of a [`BudgetAccounts::store`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountStored {
    /// The text was stored, and has this revision.
    Revision(u64),
    /// The account was changed by another process. Nothing was stored.
    Changed,
}

impl<A: BudgetAccounts + ?Sized> BudgetAccounts for Arc<A> {
    fn load(
        &self,
        account: &str,
    ) -> impl Future<Output = Result<Option<AccountEntry>, BoxError>> + Send {
        (**self).load(account)
    }

    fn store(
        &self,
        account: &str,
        value: String,
        revision: Option<u64>,
    ) -> impl Future<Output = Result<AccountStored, BoxError>> + Send {
        (**self).store(account, value, revision)
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send + 'a>>;

/// A [`BudgetAccounts`] whose type is erased.
pub(super) trait AnyAccounts: Send + Sync {
    fn load<'a>(&'a self, account: &'a str) -> Boxed<'a, Option<AccountEntry>>;

    fn store<'a>(
        &'a self,
        account: &'a str,
        value: String,
        revision: Option<u64>,
    ) -> Boxed<'a, AccountStored>;
}

impl<A: BudgetAccounts> AnyAccounts for A {
    fn load<'a>(&'a self, account: &'a str) -> Boxed<'a, Option<AccountEntry>> {
        Box::pin(BudgetAccounts::load(self, account))
    }

    fn store<'a>(
        &'a self,
        account: &'a str,
        value: String,
        revision: Option<u64>,
    ) -> Boxed<'a, AccountStored> {
        Box::pin(BudgetAccounts::store(self, account, value, revision))
    }
}
