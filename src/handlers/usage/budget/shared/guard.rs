use std::{fmt, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::{config::SharedBudgets, keeper::Keeper};
use crate::{
    callbacks::Registration,
    event::{Event, EventData},
    handler::{AsyncCallbackHandler, EventMask, Identity},
    handlers::usage::budget::{BudgetKey, BudgetReport, settings::BudgetSettings},
    run::Run,
    sync::lock,
};

/// A [`BudgetGuard`](crate::handlers::BudgetGuard) whose budgets several processes share, in a
/// [store](super::BudgetAccounts).
///
/// Register [`handler`](Self::handler). Keys, windows, prices, reservations and refusals are those of
/// [`BudgetGuard`](crate::handlers::BudgetGuard), and built by the same [builder](crate::handlers::BudgetGuardBuilder):
///
/// - **start**: the call waits until the reservation is in the store. If the budget does not cover it, the run is
///   aborted with status 429; if the store does not respond in [time](SharedBudgets::timeout), with status 503, unless calls
///   are to be [admitted](SharedBudgets::admit_when_unreachable).
/// - **token**: only this process's estimates change. A token never waits for the store.
/// - **end**: the usage replaces the reservation, here at once and in the store soon after. The call does not wait for it.
///   While the store cannot be reached, what has to be written waits in this process: a few numbers for each budget.
///
/// # Guarantees
///
/// Given a store that keeps what it has confirmed, and processes with the same limits:
///
/// - **No overspending.** When a run is admitted, what all processes have spent and reserved, with its reservation, does not
///   exceed the limit, however many processes start runs concurrently. So overspending is limited to what runs use beyond
///   their reservations.
/// - **Nothing is lost, nothing counts twice.** The store gets the usage of each run that ends in a process that lives on,
///   whether requests fail, are repeated, or are carried out although their response was lost. A store that has
///   forgotten an account gets this process's part of it again when the account is next used.
/// - **A process that is killed** loses the usage that it has not written: usually that of its open runs. Their reservations
///   stay until its [lease](SharedBudgets::lease) ends, and then are available to others. So a killed process can lead to
///   overspending by what it had reserved, and no more.
///
/// A process that the store does not hear of for longer than its lease, but lives on, counts as killed until it writes
/// again: meanwhile others may spend what its open runs have reserved.
///
/// # Cost
///
/// A start takes one request to the store, or two if another process has changed the account since, and as many more as there
/// are conflicts. Starts of one budget in one process share requests. The account has some 130 bytes for each guard that has
/// used it, in any process, until it is dropped with its window: budgets that are not renewed keep growing with each restart.
///
/// ```
/// use std::time::Duration;
/// use tower_llm_callbacks::{Callbacks, handlers::{BudgetAccounts, BudgetGuard, SharedBudgetGuard, SharedBudgets}};
///
/// fn guard(accounts: impl BudgetAccounts) -> SharedBudgetGuard {
///     BudgetGuard::builder()
///         .tokens(1_000_000)
///         .per_metadata("user")
///         .every_aligned(Duration::from_secs(24 * 3600))
///         .build_shared(SharedBudgets::new("users", accounts))
/// }
///
/// async fn serve(guard: SharedBudgetGuard) {
///     let callbacks = Callbacks::new().add(guard.handler());
///     // … and before the process ends:
///     let _ = callbacks.flush(Duration::from_secs(5)).await;
///     guard.flush(Duration::from_secs(5)).await;
/// }
/// ```
///
/// Clones share their budgets and count as one handler. Writing stops when the last clone is dropped.
#[derive(Clone)]
pub struct SharedBudgetGuard(Arc<Keeper>);

impl SharedBudgetGuard {
    pub(in crate::handlers::usage::budget) fn with_settings(
        settings: BudgetSettings,
        budgets: SharedBudgets,
    ) -> Self {
        assert!(
            settings.windows.is_none_or(|windows| windows.aligned),
            "shared budgets must have aligned windows: use `every_aligned` instead of `every`"
        );
        Self(Arc::new(Keeper::new(settings, budgets)))
    }

    /// Returns the registration of the handler: in lockstep, so that the consumer does not receive the item that exceeds a
    /// run's limit; never suspended; a call whose guard fails is [aborted](Registration::abort_on_fault).
    pub fn handler(&self) -> Registration {
        let deadline = self.0.store.config.timeout.saturating_mul(4).max(Duration::from_secs(30));
        let registration = Registration::async_handler(self.clone()).lockstep().deadline(deadline);
        registration.suspension(None).abort_on_fault().name("shared_budget")
    }

    /// Waits until the store has everything that ended runs have spent, but no longer than the deadline. Returns the number of
    /// budgets of which it has not.
    ///
    /// Call [`Callbacks::flush`](crate::Callbacks::flush) first, for runs whose end is still in the handler's queue.
    pub async fn flush(&self, deadline: Duration) -> usize {
        let until = Instant::now() + deadline;
        let mut written = self.0.written.subscribe();
        let accounts = lock(&self.0.books).all();
        let mut missing = 0;
        for account in accounts {
            while account.with(|state| state.is_dirty()) {
                if timeout_at(until, written.changed()).await.is_err() {
                    missing += 1;
                    break;
                }
            }
        }
        missing
    }

    /// Returns the budgets that this process uses, as it knows them: what others have spent is as of the last read.
    pub fn report(&self) -> BudgetReport {
        let (window, accounts, tally, open_runs) = self.0.with(|books| {
            let accounts: Vec<_> =
                books.accounts.iter().map(|(key, it)| (key.clone(), Arc::clone(it))).collect();
            (books.window(), accounts, books.tally.clone(), books.open.len())
        });
        let keys = accounts.into_iter().map(|(key, account)| (key, account.balance())).collect();
        BudgetReport::new(&self.0.settings, window, keys, &tally, open_runs)
    }

    /// Returns the budget of a key as this process knows it, or `None` if no run of it drew on it in the current window.
    pub fn key(&self, key: &str) -> Option<BudgetKey> {
        let key = Some(Arc::from(key));
        let account = self.0.with(|books| books.accounts.get(&key).cloned())?;
        Some(BudgetKey::new(key.as_ref(), &account.balance(), &self.0.settings.limit))
    }
}

impl AsyncCallbackHandler for SharedBudgetGuard {
    fn event_mask(&self) -> EventMask {
        self.0.settings.event_mask()
    }

    fn identity(&self) -> Option<Identity> {
        Some(Identity::of(&self.0))
    }

    async fn on_event(&self, run: &Run, event: &Event) {
        let data = event.data();
        if let EventData::LlmNewToken(token) = data {
            self.0.token(run, token);
        } else if let Some(result) = data.result() {
            self.0.end(run, result, data.error().is_none());
        } else if let Some(start) = data.model_start() {
            self.0.start(run, start).await;
        }
    }
}

impl fmt::Debug for SharedBudgetGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedBudgetGuard")
            .field("settings", &self.0.settings)
            .field("budgets", &self.0.store.config)
            .finish_non_exhaustive()
    }
}
