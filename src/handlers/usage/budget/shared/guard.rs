use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::watch,
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};

use super::{
    account::{Account, Grant},
    books::{Books, SharedRun},
    config::SharedBudgets,
    store::Store,
    sync,
};
use crate::{
    callbacks::Registration,
    event::{LlmResult, LlmStart, RunError, Token},
    handler::{AsyncCallbackHandler, EventMask, Identity},
    handlers::{
        outermost::Outermost,
        usage::budget::{
            BudgetKey, BudgetReport,
            balances::{MAX_OPEN, RunUsage},
            open_run::OpenRun,
            refusal::Refusal,
            settings::BudgetSettings,
            spending::Spending,
        },
    },
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
pub struct SharedBudgetGuard(Arc<GuardInner>);

struct GuardInner {
    settings: BudgetSettings,
    outermost: Outermost,
    store: Arc<Store>,
    books: Mutex<Books>,
    written: watch::Sender<()>,
    /// Of accounts that have something to write. They are aborted with the guard.
    tasks: Mutex<JoinSet<()>>,
    runtime: Handle,
}

impl SharedBudgetGuard {
    pub(in crate::handlers::usage::budget) fn with_settings(
        settings: BudgetSettings,
        budgets: SharedBudgets,
    ) -> Self {
        assert!(
            settings.windows.is_none_or(|windows| windows.aligned),
            "shared budgets must have aligned windows: use `every_aligned` instead of `every`"
        );
        let store = Arc::new(Store::new(budgets, settings.limit));
        let (outermost, books, tasks) = Default::default();
        let (written, runtime) = (watch::Sender::new(()), Handle::current());
        Self(Arc::new(GuardInner { settings, outermost, store, books, written, tasks, runtime }))
    }

    /// Returns the registration of the handler: in lockstep, so that a token beyond a run's limit does not reach the
    /// consumer; never suspended; a call whose guard fails is [aborted](Registration::abort_on_fault).
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
        let (window, accounts, tally, open_runs) = self.with(|books| {
            let accounts: Vec<_> =
                books.accounts.iter().map(|(key, it)| (key.clone(), Arc::clone(it))).collect();
            (books.window(), accounts, books.tally.clone(), books.open.len())
        });
        let keys = accounts.into_iter().map(|(key, account)| (key, account.balance())).collect();
        BudgetReport::new(&self.0.settings, window, keys, tally, open_runs)
    }

    /// Returns the budget of a key as this process knows it, or `None` if no run of it drew on it in the current window.
    pub fn key(&self, key: &str) -> Option<BudgetKey> {
        let key = Some(Arc::from(key));
        let account = self.with(|books| books.accounts.get(&key).cloned())?;
        Some(BudgetKey::new(key.as_ref(), &account.balance(), &self.0.settings.limit))
    }

    /// Calls a closure with the books of the current window.
    fn with<T>(&self, f: impl FnOnce(&mut Books) -> T) -> T {
        let (output, past) = {
            let mut books = lock(&self.0.books);
            let now = self.0.settings.windows.map_or(0, |windows| windows.now());
            let past = books.turn_to(now);
            (f(&mut books), past)
        };
        drop(past);
        output
    }

    /// Starts or wakes the task of an account, if there is something to do.
    fn wake(&self, account: &Arc<Account>) {
        let lease = self.0.store.config.lease;
        let start = account.with(|state| {
            let start = !state.running && state.due(lease).is_some();
            state.running |= start;
            start
        });
        if start {
            let store = Arc::clone(&self.0.store);
            let task = sync::run(store, Arc::clone(account), self.0.written.clone());
            let mut tasks = lock(&self.0.tasks);
            while tasks.try_join_next().is_some() {}
            tasks.spawn_on(task, &self.0.runtime);
        } else {
            account.wake.notify_one();
        }
    }

    fn abort(&self, run: &Run, account: Option<&Arc<Account>>, refusal: Refusal, at_start: bool) {
        // Another handler may have aborted the run first.
        let renewal = self.0.settings.windows.map(|windows| windows.until_next());
        if !run.abort(refusal.abort(renewal)) {
            return;
        }
        let one = |start| u64::from(at_start == start);
        if let Some(account) = account {
            account.with(|state| {
                (state.refused, state.aborted) =
                    (state.refused + one(true), state.aborted + one(false));
            });
        }
        let tally = &mut lock(&self.0.books).tally;
        (tally.refused, tally.aborted) = (tally.refused + one(true), tally.aborted + one(false));
    }

    async fn start(&self, run: &Run, start: &LlmStart) {
        let settings = &self.0.settings;
        // User code, so it is called without the lock and before the run is recorded anywhere.
        let key = if settings.limit.is_some() { settings.key.key(run, start) } else { None };
        let open = settings.open_run(run, start);
        if !self.0.outermost.start(run) {
            return;
        }
        let account = key.map(|key| {
            self.with(|books| {
                let start = settings.windows.map(|windows| windows.start(books.window()));
                books.account(key, settings.max_keys, &self.0.store.config.name, start)
            })
        });
        let admitted = match open {
            Ok(open) => self.admit(run, account.as_ref(), open).await,
            Err(refusal) => Err(refusal),
        };
        if let Err(refusal) = admitted {
            self.abort(run, account.as_ref(), refusal, true);
        }
    }

    async fn admit(
        &self,
        run: &Run,
        account: Option<&Arc<Account>>,
        open: OpenRun,
    ) -> Result<(), Refusal> {
        let grant = match account {
            Some(account) => Some(self.reserve(account, open.reserved).await?),
            None => None,
        };
        let mut books = lock(&self.0.books);
        let full = books.open.len() >= MAX_OPEN;
        if !full {
            books.open.insert(run.run_id(), SharedRun { open, account: account.cloned() });
        }
        drop(books);
        if full {
            return Err(Refusal::TooManyRuns);
        }
        grant.into_iter().for_each(Grant::keep);
        Ok(())
    }

    async fn reserve(&self, account: &Arc<Account>, amount: Spending) -> Result<Grant, Refusal> {
        let store = &self.0.store;
        let granted = account.ask(amount);
        self.wake(account);
        if let Ok(Ok(granted)) = timeout(store.patience(), granted).await {
            return granted;
        }
        store.missed();
        if !store.config.admit_when_unreachable {
            return Err(Refusal::Unreachable);
        }
        let grant = account.reserve_alone(store, amount);
        self.wake(account);
        grant
    }

    fn token(&self, run: &Run, token: &Token) {
        let settings = &self.0.settings;
        let refused = {
            let mut books = lock(&self.0.books);
            let Some(SharedRun { open, account }) = books.open.get_mut(&run.run_id()) else {
                return;
            };
            open.answer.add(token);
            if open.answer.tokens() > open.limit.tokens {
                Some((account.clone(), Refusal::PassedRunLimit(open.limit.by)))
            } else {
                let drawn = open.drawn(&settings.limit);
                let account = account.as_ref().filter(|_| drawn != open.reserved);
                account.and_then(|account| {
                    let passed = account.draw(&self.0.store, open.reserved, drawn);
                    open.reserved = drawn;
                    let unit = passed.filter(|_| settings.abort_running)?;
                    Some((Some(Arc::clone(account)), Refusal::Spent(unit)))
                })
            }
        };
        if let Some((account, refusal)) = refused {
            self.abort(run, account.as_ref(), refusal, false);
        }
    }

    fn end(&self, run: &Run, result: &LlmResult) {
        if !self.0.outermost.end(run) {
            return;
        }
        let settings = &self.0.settings;
        let used = RunUsage::of(settings, run, result);
        let (account, reserved, spent) = {
            let mut books = lock(&self.0.books);
            let Some(SharedRun { open, account }) = books.open.remove(&run.run_id()) else {
                return;
            };
            let spent = used.spending(&open);
            books.tally.settled(settings, &used, spent);
            let Some(account) = account else { return };
            (account, open.reserved, spent)
        };
        let over = account
            .with(|state| state.settle(&self.0.store, reserved, spent, settings.abort_running));
        self.wake(&account);
        let Some(unit) = over else { return };
        let runs: Vec<_> = {
            let books = lock(&self.0.books);
            let of_account = |it: &&SharedRun| {
                it.account.as_ref().is_some_and(|other| Arc::ptr_eq(other, &account))
            };
            books.open.values().filter(of_account).filter_map(|it| it.open.run.clone()).collect()
        };
        for run in runs {
            self.abort(&run, Some(&account), Refusal::Spent(unit), false);
        }
    }
}

impl AsyncCallbackHandler for SharedBudgetGuard {
    fn event_mask(&self) -> EventMask {
        self.0.settings.event_mask()
    }

    fn identity(&self) -> Option<Identity> {
        Some(Identity::of(&self.0))
    }

    async fn on_llm_start(&self, run: &Run, start: &LlmStart) {
        self.start(run, start).await;
    }

    async fn on_llm_new_token(&self, run: &Run, token: &Token) {
        self.token(run, token);
    }

    async fn on_llm_end(&self, run: &Run, result: &LlmResult) {
        self.end(run, result);
    }

    async fn on_llm_error(&self, run: &Run, error: &RunError) {
        if let Some(result) = error.result() {
            self.end(run, result);
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
