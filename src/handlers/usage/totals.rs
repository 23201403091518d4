use std::{
    fmt, mem,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use super::{
    UsageSnapshot, UsageWindow,
    counts::Addition,
    group::groups,
    ledger::{Books, Ledger},
    period::Period,
    setup::Settings,
};
use crate::{
    event::{ErrorKind, LlmResult, LlmStart, RunError},
    handler::{CallbackHandler, EventMask, Identity},
    handlers::outermost::Outermost,
    run::Run,
    sync::lock,
};

/// A handler that adds up what model calls use and cost, however they end: a call that was cancelled,
/// aborted or truncated, or that failed, has used something too.
///
/// It never waits, so that it may be added as inline, and is told of starts and ends only: tokens cost it
/// nothing. Clones share what they count, and count as one handler. Set it up first: what sets
/// something gives a handler that has counted nothing, and shares nothing with clones from before.
///
/// # What is counted
///
/// A run is counted when it ends. Tokens are those that the provider **reported**. Where it reported none,
/// and where a run did not complete, the token events that no report covers are **counted** in their
/// place: see [`UsageCounts`](super::UsageCounts). So a completed run has what the provider said; a run that
/// was cancelled, aborted or truncated midway has the input that was reported until then, if any, and as
/// output what was reported or seen, whichever is more; a run that failed before there was any answer
/// counts as a run with nothing.
///
/// Of a typed layer over a layer over HTTP, which make two runs of one call, the outer one is counted, if
/// the handler hears of both (and is not delivered to in the background). Each attempt of a retried call
/// is a run.
///
/// # What it holds
///
/// Runs that have not ended, up to 100,000; up to [`max_groups`](Self::max_groups) groups of all time, and
/// as many of each window that is kept; some 400 bytes each, and their keys, of at most 256 bytes a value.
/// Whatever clients send as their model's name, that is all.
///
/// ```
/// use std::time::Duration;
/// use tower::{BoxError, Layer, Service, ServiceExt};
/// use tower_llm_callbacks::{CallbackLayer, Callbacks, chat::{self, ChatRequest}, handlers::{PriceTable, UsageTotals}};
///
/// # use tower_llm_callbacks::{Delta, Usage, testing::{Script, ScriptedModel}};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), BoxError> {
/// # let usage = Delta::Usage { usage: Usage::new(12, 340), raw: None };
/// # let model = ScriptedModel::new(Script::new().respond().chunk(usage).complete("stop"));
/// let prices: PriceTable = r#"{"currency": "USD", "models": {
///     "claude-haiku-4-5*": {"input": 1.00, "output": 5.00, "cache_read": 0.10, "cache_write": 1.25}
/// }}"#.parse()?;
/// let totals = UsageTotals::new()
///     .by_model()
///     .by_metadata("user")
///     .window(Duration::from_secs(3600))
///     .prices(prices);
///
/// let layer = CallbackLayer::new(Callbacks::new().inline(totals.clone())).metadata("user", "ada");
/// let mut model = layer.layer(model);
/// let request = ChatRequest::new("claude-haiku-4-5").user("Hi");
/// chat::collect(model.ready().await?.call(request).await?).await?;
///
/// let snapshot = totals.snapshot();
/// let ada = snapshot.group(&[("metadata.user", "ada")]).expect("she has asked something");
/// assert_eq!(ada.counts.reported.output_tokens, 340);
/// assert_eq!(ada.counts.cost.expect("there are prices").total().to_string(), "0.001712");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct UsageTotals(Arc<Shared>);

struct Shared {
    settings: Settings,
    outermost: Outermost,
    ledger: Mutex<Ledger>,
}

impl Default for UsageTotals {
    fn default() -> Self {
        Self::new()
    }
}

impl UsageTotals {
    /// A handler that counts all runs together.
    pub fn new() -> Self {
        Self::of(Settings::default())
    }

    fn of(settings: Settings) -> Self {
        let (outermost, ledger) = (Outermost::default(), Mutex::new(Ledger::new()));
        Self(Arc::new(Shared { settings, outermost, ledger }))
    }

    pub(super) fn set(self, set: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.0.settings.clone();
        set(&mut settings);
        Self::of(settings)
    }

    /// What was counted up to now. It takes the lock for as long as it copies the groups of all time and of
    /// the current window.
    pub fn snapshot(&self) -> UsageSnapshot {
        let settings = &self.0.settings;
        let (books, dropped) = {
            let mut ledger = lock(&self.0.ledger);
            let books = &mut ledger.books;
            let dropped = settings.windows.map(|it| books.turn_to(it.now(), settings.keep));
            let copy = Books {
                since: books.since,
                all: books.all.clone(),
                current: books.current.clone(),
                past: books.past.clone(),
                unpriced: books.unpriced.clone(),
            };
            (copy, dropped)
        };
        drop(dropped);
        self.write_up(books)
    }

    /// What was counted up to now, which is then forgotten: each run is in one of the snapshots that are
    /// taken. Runs that have not ended will be in the next.
    pub fn take(&self) -> UsageSnapshot {
        let settings = &self.0.settings;
        let (books, dropped) = {
            let mut ledger = lock(&self.0.ledger);
            let mut books = mem::replace(&mut ledger.books, Books::new());
            let dropped = settings.windows.map(|it| books.turn_to(it.now(), settings.keep));
            (books, dropped)
        };
        drop(dropped);
        self.write_up(books)
    }

    /// How many runs have started and not ended.
    pub fn open_runs(&self) -> usize {
        lock(&self.0.ledger).open.len()
    }

    fn write_up(&self, books: Books) -> UsageSnapshot {
        let settings = &self.0.settings;
        let names = settings.by.iter().map(|it| Arc::clone(it.name())).collect();
        let currency = settings.prices.as_ref().map(|prices| Arc::clone(prices.shared_currency()));
        let time = (books.since, SystemTime::now());
        let mut snapshot = UsageSnapshot::new(time, books.all, &names, &books.unpriced, currency);
        if let Some(windows) = &settings.windows {
            let past = books.past.into_iter().map(|(number, it)| (number, Period::clone(&it)));
            let all = past.chain(books.current);
            let window = |(number, it)| UsageWindow::new(windows, number, it, &names);
            snapshot.windows = all.map(window).collect();
        }
        snapshot
    }

    fn end(&self, run: &Run, result: &LlmResult, error: Option<ErrorKind>) {
        let Shared { settings, outermost, ledger } = &*self.0;
        if !outermost.end(run) {
            return;
        }
        let asked = lock(ledger).open.remove(&run.run_id());
        let asked_for = asked.as_ref().and_then(|asked| asked.model.as_deref());
        let provider = asked.as_ref().map(|asked| &*asked.provider);
        let model = result.model.as_deref().or(asked_for);
        let mut addition = Addition::new(result, error);
        let mut priced = true;
        if let Some(prices) = &settings.prices {
            priced = addition.priced(prices.of_either(result.model.as_deref(), asked_for));
        }
        let (groups, more) = groups(&settings.by, run, model, provider);

        let dropped = {
            let mut ledger = lock(ledger);
            let books = &mut ledger.books;
            // Asked under the lock: so no window comes after a later one.
            let window = settings.windows.map(|windows| windows.now());
            let dropped = window.map(|window| books.turn_to(window, settings.keep));
            books.add(&addition, (&groups, more), window, settings.max_groups);
            if !priced {
                books.unpriced.add(model);
            }
            dropped
        };
        drop(dropped);
    }
}

impl CallbackHandler for UsageTotals {
    fn event_mask(&self) -> EventMask {
        EventMask::LLM_START | EventMask::LLM_END | EventMask::LLM_ERROR
    }

    fn identity(&self) -> Option<Identity> {
        Some(Identity::of(&self.0))
    }

    fn on_llm_start(&self, run: &Run, start: &LlmStart) {
        if self.0.outermost.start(run) {
            lock(&self.0.ledger).start(run.run_id(), start);
        }
    }

    fn on_llm_end(&self, run: &Run, result: &LlmResult) {
        self.end(run, result, None);
    }

    fn on_llm_error(&self, run: &Run, error: &RunError) {
        if let Some(result) = error.result() {
            self.end(run, result, Some(error.kind()));
        }
    }
}

impl fmt::Debug for UsageTotals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ledger = lock(&self.0.ledger);
        f.debug_struct("UsageTotals")
            .field("runs", &ledger.books.all.total.runs)
            .field("groups", &ledger.books.all.groups.len())
            .finish_non_exhaustive()
    }
}
