use std::sync::{Arc, Mutex};

use tokio::{runtime::Handle, sync::watch, task::JoinSet, time::timeout};

use super::{
    account::{Account, Grant},
    books::{Books, SharedRun},
    config::SharedBudgets,
    store::Store,
    sync,
};
use crate::{
    event::{LlmResult, LlmStart, Token},
    handlers::{
        outermost::Outermost,
        usage::budget::{
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

/// What clones of a guard share: admits runs, and settles them.
pub(super) struct Keeper {
    pub(super) settings: BudgetSettings,
    outermost: Outermost,
    pub(super) store: Arc<Store>,
    pub(super) books: Mutex<Books>,
    pub(super) written: watch::Sender<()>,
    /// The tasks of accounts that have something to write. Aborted with the guard.
    tasks: Mutex<JoinSet<()>>,
    runtime: Handle,
}

impl Keeper {
    pub(super) fn new(settings: BudgetSettings, budgets: SharedBudgets) -> Self {
        let store = Arc::new(Store::new(budgets, settings.limit));
        let (outermost, books, tasks) = Default::default();
        let (written, runtime) = (watch::Sender::new(()), Handle::current());
        Self { settings, outermost, store, books, written, tasks, runtime }
    }

    /// Calls a closure with the books of the current window.
    pub(super) fn with<T>(&self, f: impl FnOnce(&mut Books) -> T) -> T {
        let (output, past) = {
            let mut books = lock(&self.books);
            let now = self.settings.windows.map_or(0, |windows| windows.now());
            let past = books.turn_to(now);
            (f(&mut books), past)
        };
        drop(past);
        output
    }

    /// Starts or wakes the task of an account, if there is something to do.
    fn wake(&self, account: &Arc<Account>) {
        let lease = self.store.config.lease;
        let start = account.with(|state| {
            let start = !state.running && state.due(lease).is_some();
            state.running |= start;
            start
        });
        if start {
            let store = Arc::clone(&self.store);
            let task = sync::run(store, Arc::clone(account), self.written.clone());
            let mut tasks = lock(&self.tasks);
            while tasks.try_join_next().is_some() {}
            tasks.spawn_on(task, &self.runtime);
        } else {
            account.wake.notify_one();
        }
    }

    fn abort(&self, run: &Run, account: Option<&Arc<Account>>, refusal: Refusal, at_start: bool) {
        // Another handler may have aborted the run first.
        let renewal = self.settings.windows.map(|windows| windows.until_next());
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
        let tally = &mut lock(&self.books).tally;
        (tally.refused, tally.aborted) = (tally.refused + one(true), tally.aborted + one(false));
    }

    pub(super) async fn start(&self, run: &Run, start: &LlmStart) {
        let settings = &self.settings;
        // User code, so it is called without the lock and before the run is recorded anywhere.
        let key = if settings.limit.is_some() { settings.key.key(run, start) } else { None };
        let open = settings.open_run(run, start);
        if !self.outermost.start(run) {
            return;
        }
        let account = key.map(|key| {
            self.with(|books| {
                let start = settings.windows.map(|windows| windows.start(books.window()));
                books.account(key, settings.max_keys, &self.store.config.name, start)
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
        let mut books = lock(&self.books);
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
        let store = &self.store;
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

    pub(super) fn token(&self, run: &Run, token: &Token) {
        if run.is_cached() {
            return;
        }
        let settings = &self.settings;
        let refused = {
            let mut books = lock(&self.books);
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
                    let passed = account.draw(&self.store, open.reserved, drawn);
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

    pub(super) fn end(&self, run: &Run, result: &LlmResult, completed: bool) {
        if !self.outermost.end(run) {
            return;
        }
        let settings = &self.settings;
        let used = RunUsage::of(settings, run, result, completed);
        let (account, reserved, spent) = {
            let mut books = lock(&self.books);
            let Some(SharedRun { open, account }) = books.open.remove(&run.run_id()) else {
                return;
            };
            let spent = used.spending(&open);
            books.tally.settled(settings, &used, spent);
            let Some(account) = account else { return };
            (account, open.reserved, spent)
        };
        let over = account
            .with(|state| state.settle(&self.store, reserved, spent, settings.abort_running));
        self.wake(&account);
        let Some(unit) = over else { return };
        let runs: Vec<_> = {
            let books = lock(&self.books);
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
