use std::{
    fmt,
    sync::{Arc, Mutex},
};

use super::{
    BudgetKey, BudgetReport,
    accounts::{Accounts, Used},
    open::{Key, Open, Refusal},
    settings::Settings,
};
use crate::{
    event::{LlmResult, LlmStart, RunError, Token},
    handler::{CallbackHandler, EventMask, Identity},
    handlers::{outermost::Outermost, usage::measured::Measured},
    run::Run,
    sync::lock,
};

/// A handler that keeps model calls within budgets, of tokens or money.
///
/// Add it as **inline**: it never waits, and is exact only there. Of the other ways of delivery, lockstep is as
/// exact; pipelined, it lets some tokens through before it aborts; in the background it comes too late. Should the
/// closures that it was given be able to panic, make it [`required`](crate::Registration::abort_on_fault), or those runs go
/// on without it. Clones share their budgets, and count as one handler. Set it up first: what sets something
/// gives a handler with fresh budgets. Several guards may be attached: each of them has to agree.
///
/// # What it does
///
/// - **start**: a run reserves [some tokens](Self::reserve) of its key's budget, and what they cost as output.
///   If that is spent, or what is left does not cover the reservation, the run is
///   [aborted](crate::Run::abort) with status 429: the inner service is not called, and the client of a gateway
///   gets an error in the provider's own shape.
/// - **token**: a run that passes its own limit ([`max_run_tokens`](Self::max_run_tokens),
///   [`max_run_cost`](Self::max_run_cost)) is aborted; the consumer does not get the chunk with the token
///   that passed it.
/// - **end** or **error**, of whatever kind: what the run has used takes the place of what it had reserved. That
///   is what the provider reported, and, where it reported nothing or the run did not complete, what was seen of
///   the answer in its place, as in [`UsageTotals`](super::super::UsageTotals). A run that was refused takes
///   nothing. Runs that are going when the budget runs out are settled like others, unless they are to be
///   [aborted](Self::abort_running).
///
/// What is spent and reserved together is never more than the limit when a run is let in, however many start
/// at once. So no more is spent than the limit and what runs used beyond their reservations: where these are
/// as large as any run, the limit holds exactly.
///
/// Of a typed layer over a layer over HTTP, which make two runs of one call, the outer one counts.
///
/// # What it holds
///
/// Up to [`max_keys`](Self::max_keys) budgets of some 150 bytes, with keys of at most 256 bytes, and runs that are
/// going, up to 100,000 of some 250 bytes: more are refused with status 503.
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
/// let guard = BudgetGuard::new()
///     .tokens(1_000)
///     .per_metadata("user")
///     .every(Duration::from_secs(24 * 3600));
///
/// let layer = CallbackLayer::new(Callbacks::new().inline(guard.clone())).metadata("user", "ada");
/// let mut model = layer.layer(model);
/// let request = ChatRequest::new("any").user("Hi").max_tokens(1_000);
/// chat::collect(model.ready().await?.call(request.clone()).await?).await?;
/// assert_eq!(guard.key("ada").expect("she has a budget").remaining_tokens, Some(0));
///
/// let error = model.ready().await?.call(request).await.expect_err("nothing is left");
/// let aborted = error.downcast::<Aborted>()?;
/// assert_eq!(aborted.abort().status_code(), StatusCode::TOO_MANY_REQUESTS);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct BudgetGuard(Arc<Shared>);

struct Shared {
    settings: Settings,
    /// Tokens before this one cost nothing but a comparison.
    first_token: u64,
    outermost: Outermost,
    accounts: Mutex<Accounts>,
}

impl Default for BudgetGuard {
    fn default() -> Self {
        Self::new()
    }
}

impl BudgetGuard {
    /// A guard without any limit.
    pub fn new() -> Self {
        Self::of(Settings::new())
    }

    fn of(settings: Settings) -> Self {
        let first_token = settings.first_token();
        let (outermost, accounts) = (Outermost::default(), Mutex::default());
        Self(Arc::new(Shared { settings, first_token, outermost, accounts }))
    }

    pub(super) fn set(self, set: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.0.settings.clone();
        set(&mut settings);
        Self::of(settings)
    }

    /// What is spent and left, key by key.
    pub fn report(&self) -> BudgetReport {
        let settings = &self.0.settings;
        let (window, mut accounts, tally, open_runs) = self.with(|accounts| {
            let keys: Vec<_> = accounts.keys.iter().map(|(key, it)| (key.clone(), *it)).collect();
            (accounts.window(), keys, accounts.tally.clone(), accounts.open.len())
        });
        accounts.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let report = |(key, it): &(Key, _)| BudgetKey::new(key.as_ref(), it, &settings.limit);
        BudgetReport {
            window_start: settings.windows.map(|windows| windows.start(window)),
            rest: accounts.iter().find(|(key, _)| key.is_none()).map(report),
            keys: accounts.iter().filter(|(key, _)| key.is_some()).map(report).collect(),
            open_runs,
            refused_runs: tally.refused,
            aborted_runs: tally.aborted,
            unpriced_runs: tally.unpriced_runs,
            unpriced_models: tally.unpriced.list(),
        }
    }

    /// What is spent and left of one key; none where nobody has drawn on it in the current window. The key of a
    /// guard with one budget for all is empty.
    pub fn key(&self, key: &str) -> Option<BudgetKey> {
        let key = Some(Arc::from(key));
        let account = self.with(|accounts| accounts.keys.get(&key).copied())?;
        Some(BudgetKey::new(key.as_ref(), &account, &self.0.settings.limit))
    }

    /// Calls a closure with the accounts of the window that is now.
    fn with<T>(&self, f: impl FnOnce(&mut Accounts) -> T) -> T {
        let (output, over) = {
            let mut accounts = lock(&self.0.accounts);
            let now = self.0.settings.windows.map_or(0, |windows| windows.now());
            let over = accounts.turn_to(now);
            (f(&mut accounts), over)
        };
        drop(over);
        output
    }

    fn abort(&self, run: &Run, key: Option<&Key>, refusal: Refusal, at_start: bool) {
        // Only who ends the run counts it.
        if run.abort(refusal.abort()) {
            lock(&self.0.accounts).count(key, at_start);
        }
    }

    fn start(&self, run: &Run, start: &LlmStart) {
        let settings = &self.0.settings;
        // Code of others: before anything is remembered of the run, and without the lock.
        let key = if settings.limit.is_some() { settings.key.of(run, start) } else { None };
        let ask = settings.ask(run, start);
        if !self.0.outermost.start(run) {
            return;
        }
        let (key, outcome) = self.with(|accounts| {
            let key = key.map(|key| accounts.place(key, settings.max_keys));
            let outcome = ask.and_then(|ask| {
                let open = Open::new(ask, settings.abort_running.then(|| run.clone()));
                accounts.start(settings, run.run_id(), key.as_ref(), open)
            });
            (key, outcome)
        });
        if let Err(refusal) = outcome {
            self.abort(run, key.as_ref(), refusal, true);
        }
    }

    fn end(&self, run: &Run, result: &LlmResult, completed: bool) {
        if !self.0.outermost.end(run) {
            return;
        }
        let settings = &self.0.settings;
        let model = result.model.as_deref();
        let price = settings.prices.as_ref().and_then(|prices| prices.of_either(model, None));
        let used = Used { measured: Measured::of(result, completed), model, price };
        let others = self.with(|accounts| accounts.end(settings, run.run_id(), &used));
        for (other, key, refusal) in others {
            self.abort(&other, key.as_ref(), refusal, false);
        }
    }
}

impl CallbackHandler for BudgetGuard {
    fn event_mask(&self) -> EventMask {
        let ends = EventMask::LLM_START | EventMask::LLM_END | EventMask::LLM_ERROR;
        if self.0.settings.watches_tokens() { ends | EventMask::LLM_NEW_TOKEN } else { ends }
    }

    fn identity(&self) -> Option<Identity> {
        Some(Identity::of(&self.0))
    }

    fn on_llm_start(&self, run: &Run, start: &LlmStart) {
        self.start(run, start);
    }

    fn on_llm_new_token(&self, run: &Run, token: &Token) {
        if token.index() < self.0.first_token {
            return;
        }
        let tokens = token.index().saturating_add(1);
        let stop = self.with(|it| it.token(&self.0.settings, run.run_id(), tokens));
        if let Some((key, refusal)) = stop {
            self.abort(run, key.as_ref(), refusal, false);
        }
    }

    fn on_llm_end(&self, run: &Run, result: &LlmResult) {
        self.end(run, result, true);
    }

    fn on_llm_error(&self, run: &Run, error: &RunError) {
        if let Some(result) = error.result() {
            self.end(run, result, false);
        }
    }
}

impl fmt::Debug for BudgetGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BudgetGuard").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
