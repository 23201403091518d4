use std::{
    fmt,
    sync::{Arc, Mutex},
};

use super::{
    BudgetGuardBuilder, BudgetKey, BudgetReport,
    balances::{Balances, RunUsage},
    open_run::BalanceKey,
    refusal::Refusal,
    settings::BudgetSettings,
};
use crate::{
    event::{Event, EventData, LlmResult, LlmStart, Token},
    handler::{CallbackHandler, EventMask, Identity},
    handlers::outermost::Outermost,
    run::Run,
    sync::lock,
};

/// A handler that keeps model calls within budgets of tokens or money.
///
/// Register it **inline**: it never waits, and only inline or lockstep delivery is exact. A pipelined guard lets some
/// tokens through before it aborts; a background guard is too late. If its closures can panic, register it with
/// [`abort_on_fault`](crate::Registration::abort_on_fault), or runs in which they panic continue unguarded. Clones
/// share their budgets and count as one handler. With several guards, a run continues only if every guard admits it.
///
/// # Events
///
/// - **start**: the run reserves the [estimate](crate::estimate) of its request, and
///   [tokens](BudgetGuardBuilder::reserve) for its answer, with their cost. If the budget is spent, or does not cover the
///   reservation, the run is [aborted](crate::Run::abort) with status 429: the inner service is not called, and a gateway's
///   client receives an error in the provider's shape, with `Retry-After` if budgets are [renewed](BudgetGuardBuilder::every) and
///   the call fits into a new one. It is counted in full, however little [content](crate::ContentCapture) handlers get.
/// - **token**: what the answer has used, by a running estimate, draws on the budget where it exceeds the reservation. A
///   run that exceeds its own limit ([`max_run_tokens`](BudgetGuardBuilder::max_run_tokens),
///   [`max_run_cost`](BudgetGuardBuilder::max_run_cost)) is aborted. The consumer does not receive the chunk that exceeds
///   the limit.
/// - **end** or **error** of any kind: the run's usage replaces its reservation: what the provider reported, and the
///   estimates of what it did not report, as of a call that was dropped. See [`Usage::source`](crate::Usage::source). A
///   refused run uses nothing, and neither does an answer from a [cache](crate::Run::set_cached). Of a call that was sent and
///   whose answer is not known, as its client left before, all that it reserved is charged. Runs that are open when the budget runs out are settled like others, unless they are to be
///   [aborted](BudgetGuardBuilder::abort_running).
///
/// When a run is admitted, spent and reserved amounts together do not exceed the limit, however many runs start
/// concurrently. So overspending is limited to what runs use beyond their reservations: with reservations as large as
/// any run, the limit holds exactly, up to the error of the estimates of what the provider did not report.
///
/// A typed layer above an HTTP layer makes two runs of one call. Only the outer run counts.
///
/// Budgets are those of this process. For budgets that several processes share, see
/// [`build_shared`](BudgetGuardBuilder::build_shared).
///
/// # Memory
///
/// The guard holds up to [`max_keys`](BudgetGuardBuilder::max_keys) budgets of some 150 bytes, with keys of at most 256
/// bytes, and up to 100,000 open runs of some 300 bytes. Further runs are refused with status 503.
///
/// ```
/// use std::time::Duration;
/// use http::StatusCode;
/// use tower::{BoxError, Layer, Service, ServiceExt};
/// use tower_llm_callbacks::{Aborted, CallbackLayer, Callbacks, chat::{self, ChatRequest}, handlers::BudgetGuard};
///
/// # use tower_llm_callbacks::{Delta, Usage, testing::{Script, ScriptedModel}};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), BoxError> {
/// # let usage = Delta::Usage { usage: Usage::new(12, 988), raw: None };
/// # let model = ScriptedModel::new(Script::new().respond().chunk(usage).complete("stop"));
/// let guard = BudgetGuard::builder()
///     .tokens(1_000)
///     .per_metadata("user")
///     .every(Duration::from_secs(24 * 3600))
///     .build();
///
/// let layer = CallbackLayer::new(Callbacks::new().inline(guard.clone())).metadata("user", "ada");
/// let mut model = layer.layer(model);
/// let request = ChatRequest::new("any").user("Hi").max_tokens(900);
/// chat::collect(model.ready().await?.call(request.clone()).await?).await?;
/// assert_eq!(guard.key("ada").expect("ada has a budget").remaining_tokens, Some(0));
///
/// let error = model.ready().await?.call(request).await.expect_err("the budget is spent");
/// let aborted = error.downcast::<Aborted>()?;
/// assert_eq!(aborted.abort().status_code(), StatusCode::TOO_MANY_REQUESTS);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct BudgetGuard(Arc<GuardInner>);

struct GuardInner {
    settings: BudgetSettings,
    books: Arc<Books>,
}

/// What has been spent. Shared by a guard and those that continue it.
#[derive(Default)]
struct Books {
    outermost: Outermost,
    balances: Mutex<Balances>,
}

impl Default for BudgetGuard {
    fn default() -> Self {
        Self::new()
    }
}

impl BudgetGuard {
    /// Creates a guard with the default settings, which limit nothing.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a builder with the default settings.
    pub fn builder() -> BudgetGuardBuilder {
        BudgetGuardBuilder::new()
    }

    pub(super) fn with_settings(settings: BudgetSettings) -> Self {
        Self(Arc::new(GuardInner { settings, books: Arc::default() }))
    }

    /// Continues the budgets of another guard, unless they are kept in other units: then they begin anew.
    pub(super) fn continuing(mut settings: BudgetSettings, former: &Self) -> Self {
        if !settings.counts_as(&former.0.settings) {
            return Self::with_settings(settings);
        }
        // Windows are numbered from their own origin.
        settings.windows = former.0.settings.windows;
        Self(Arc::new(GuardInner { settings, books: Arc::clone(&former.0.books) }))
    }

    /// Returns the budgets of all keys.
    pub fn report(&self) -> BudgetReport {
        let settings = &self.0.settings;
        let (window, keys, tally, open_runs) = self.with(|balances| {
            let keys: Vec<_> = balances.keys.iter().map(|(key, it)| (key.clone(), *it)).collect();
            (balances.window(), keys, balances.tally.clone(), balances.open.len())
        });
        BudgetReport::new(settings, window, keys, &tally, open_runs)
    }

    /// Returns the budget of a key, or `None` if no run drew on it in the current window. The key is empty if there
    /// is one budget for all runs.
    pub fn key(&self, key: &str) -> Option<BudgetKey> {
        let key = Some(Arc::from(key));
        let balance = self.with(|balances| balances.keys.get(&key).copied())?;
        Some(BudgetKey::new(key.as_ref(), &balance, &self.0.settings.limit))
    }

    /// Calls a closure with the balances of the current window.
    fn with<T>(&self, f: impl FnOnce(&mut Balances) -> T) -> T {
        let (output, past) = {
            let mut balances = lock(&self.0.books.balances);
            let now = self.0.settings.windows.map_or(0, |windows| windows.now());
            let past = balances.turn_to(now);
            (f(&mut balances), past)
        };
        drop(past);
        output
    }

    fn abort(&self, run: &Run, key: Option<&BalanceKey>, refusal: Refusal, at_start: bool) {
        // Another handler may have aborted the run first.
        let renewal = self.0.settings.windows.map(|windows| windows.until_next());
        if run.abort(refusal.abort(renewal)) {
            lock(&self.0.books.balances).count_abort(key, at_start);
        }
    }

    fn start(&self, run: &Run, start: &LlmStart) {
        let settings = &self.0.settings;
        // User code, so it is called without the lock and before the run is recorded anywhere.
        let key = if settings.limit.is_some() { settings.key.key(run, start) } else { None };
        let open = settings.open_run(run, start);
        if !self.0.books.outermost.start(run) {
            return;
        }
        let (key, admitted) = self.with(|balances| {
            let key = key.map(|key| balances.balance_key(key, settings.max_keys));
            let admit = |open| balances.start(settings, run.run_id(), key.as_ref(), open);
            let admitted = open.and_then(admit);
            (key, admitted)
        });
        if let Err(refusal) = admitted {
            self.abort(run, key.as_ref(), refusal, true);
        }
    }

    fn end(&self, run: &Run, result: &LlmResult, completed: bool) {
        if !self.0.books.outermost.end(run) {
            return;
        }
        let settings = &self.0.settings;
        let used = RunUsage::of(settings, run, result, completed);
        let others = self.with(|balances| balances.end(settings, run.run_id(), &used));
        for (other, key, refusal) in others {
            self.abort(&other, key.as_ref(), refusal, false);
        }
    }
}

impl CallbackHandler for BudgetGuard {
    fn event_mask(&self) -> EventMask {
        self.0.settings.event_mask()
    }

    fn identity(&self) -> Option<Identity> {
        Some(Identity::of(&self.0))
    }

    fn on_event(&self, run: &Run, event: &Event) {
        let data = event.data();
        if let EventData::LlmNewToken(token) = data {
            self.token(run, token);
        } else if let Some(result) = data.result() {
            self.end(run, result, data.error().is_none());
        } else if let Some(start) = data.model_start() {
            self.start(run, start);
        }
    }
}

impl BudgetGuard {
    fn token(&self, run: &Run, token: &Token) {
        if run.is_cached() {
            return;
        }
        let refused = self.with(|it| it.token(&self.0.settings, run.run_id(), token));
        if let Some((key, refusal)) = refused {
            self.abort(run, key.as_ref(), refusal, false);
        }
    }
}

impl fmt::Debug for BudgetGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BudgetGuard").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
