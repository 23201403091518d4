use std::{
    fmt, mem,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use super::{
    UsageSnapshot, UsageTotalsBuilder, UsageWindow, books::Books, counts::RunCounts, group::groups,
    period::Period, priced::RunCosts,
};
use crate::{
    event::{Amount, ErrorKind, Event, LlmResult, PriceSource, RunError},
    handler::{CallbackHandler, EventMask, Identity},
    handlers::outermost::Outermost,
    run::Run,
    sync::lock,
};

/// A handler that adds up the usage and cost of model calls, including those that were cancelled, aborted or truncated,
/// or that failed.
///
/// The handler never waits, so it can be registered inline, and receives start and end events only: tokens cost
/// nothing. Clones share their counts and count as one handler.
///
/// # Counting
///
/// A run is counted when it ends, with the usage of its result. What the provider **reported** and what is **estimated**
/// are kept apart: see [`UsageCounts`](super::UsageCounts) and [`Usage::source`](crate::Usage::source). A run that failed
/// before any answer has no usage. A fetch of a stored answer counts only if no other run has reported its usage.
///
/// A typed layer above an HTTP layer makes two runs of one call. The outer run is counted if the handler observes both
/// (and is not registered in the background). Each attempt of a retried call is a run.
///
/// # Memory
///
/// The handler holds the ids of up to 100,000 open runs, and up to [`max_groups`](UsageTotalsBuilder::max_groups) groups in total
/// and in each window it keeps: some 400 bytes each, plus keys of at most 256 bytes a value. The bound holds for any
/// model names that clients send.
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
/// let totals = UsageTotals::builder()
///     .by_model()
///     .by_metadata("user")
///     .window(Duration::from_secs(3600))
///     .prices(prices)
///     .build();
///
/// let layer = CallbackLayer::new(Callbacks::new().inline(totals.clone())).metadata("user", "ada");
/// let mut model = layer.layer(model);
/// let request = ChatRequest::new("claude-haiku-4-5").user("Hi");
/// chat::collect(model.ready().await?.call(request).await?).await?;
///
/// let snapshot = totals.snapshot();
/// let ada = snapshot.group(&[("metadata.user", "ada")]).expect("ada made a call");
/// assert_eq!(ada.counts.reported.output_tokens, Some(340));
/// assert_eq!(ada.counts.cost.expect("there are prices").total().to_string(), "0.001712");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct UsageTotals(Arc<TotalsInner>);

struct TotalsInner {
    settings: UsageTotalsBuilder,
    outermost: Outermost,
    books: Mutex<Books>,
}

impl Default for UsageTotals {
    fn default() -> Self {
        Self::new()
    }
}

impl UsageTotals {
    /// Creates a handler with the default settings, which counts all runs together.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a builder with the default settings.
    pub fn builder() -> UsageTotalsBuilder {
        UsageTotalsBuilder::new()
    }

    pub(super) fn with_settings(settings: UsageTotalsBuilder) -> Self {
        let (outermost, books) = (Outermost::default(), Mutex::new(Books::new()));
        Self(Arc::new(TotalsInner { settings, outermost, books }))
    }

    /// Returns all counts so far. Holds the lock while it copies the groups of the total and the current window.
    pub fn snapshot(&self) -> UsageSnapshot {
        let settings = &self.0.settings;
        let (books, dropped) = {
            let mut books = lock(&self.0.books);
            let dropped = settings.windows.map(|it| books.turn_to(it.now(), settings.keep));
            let copy = Books {
                since: books.since,
                all: books.all.clone(),
                current: books.current.clone(),
                past: books.past.clone(),
                unpriced: books.unpriced.clone(),
                currency: books.currency.clone(),
            };
            (copy, dropped)
        };
        drop(dropped);
        self.to_snapshot(books)
    }

    /// Returns all counts so far and resets them: each run is in exactly one of the snapshots taken. Runs that have
    /// not ended will be in a later one.
    pub fn take(&self) -> UsageSnapshot {
        let settings = &self.0.settings;
        let (books, dropped) = {
            let mut books = mem::replace(&mut *lock(&self.0.books), Books::new());
            let dropped = settings.windows.map(|it| books.turn_to(it.now(), settings.keep));
            (books, dropped)
        };
        drop(dropped);
        self.to_snapshot(books)
    }

    /// Returns the number of runs that have started and not ended. The inner run of a call with two is not counted.
    pub fn open_runs(&self) -> usize {
        self.0.outermost.count()
    }

    fn to_snapshot(&self, books: Books) -> UsageSnapshot {
        let settings = &self.0.settings;
        let names = settings.by.iter().map(|it| Arc::clone(it.name())).collect();
        let currency = || settings.prices.as_ref().map(|prices| prices.currency());
        let currency = books.currency.or_else(currency);
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
        let TotalsInner { settings, outermost, books } = &*self.0;
        if !outermost.end(run) {
            return;
        }
        let request = result.request.as_deref();
        let provider = request.map(|request| &*request.provider);
        let requested = request.and_then(|request| request.model.as_deref());
        let model = result.model.as_deref().or(requested);
        let mut counts = RunCounts::new(result, error);
        let costs = self.cost(run, result, &counts);
        let (groups, more) = groups(&settings.by, run, model, provider);

        let dropped = {
            let mut books = lock(books);
            // Read under the lock, so that window numbers never decrease.
            let window = settings.windows.map(|windows| windows.now());
            let dropped = window.map(|window| books.turn_to(window, settings.keep));
            let priced = costs.is_none_or(|(currency, cost)| {
                let common = books.currency.get_or_insert_with(|| Arc::clone(&currency));
                counts.set_cost(cost.filter(|_| *common == currency))
            });
            books.add(&counts, (&groups, more), window, settings.max_groups);
            if !priced {
                books.unpriced.add(model);
            }
            dropped
        };
        drop(dropped);
    }

    /// Returns the currency of a run's cost, and the cost if the model has a price. `None` if there are no prices.
    fn cost(
        &self,
        run: &Run,
        result: &LlmResult,
        counts: &RunCounts,
    ) -> Option<(Arc<str>, Option<RunCosts>)> {
        let Some(prices) = &self.0.settings.prices else {
            let cost = result.cost.as_ref()?;
            let (reported, estimated) = match cost.estimated {
                true => (Amount::ZERO, cost.amount),
                false => (cost.amount, Amount::ZERO),
            };
            return Some((Arc::clone(&cost.currency), Some(RunCosts { reported, estimated })));
        };
        let currency = prices.currency();
        let costs = RunCosts::of(prices, &currency, run, result, &counts.used);
        Some((currency, costs))
    }
}

impl CallbackHandler for UsageTotals {
    fn event_mask(&self) -> EventMask {
        EventMask::MODELS - EventMask::LLM_NEW_TOKEN
    }

    fn identity(&self) -> Option<Identity> {
        Some(Identity::of(&self.0))
    }

    fn on_event(&self, run: &Run, event: &Event) {
        let data = event.data();
        if let Some(result) = data.result() {
            self.end(run, result, data.error().map(RunError::kind));
        } else if data.model_start().is_some() {
            self.0.outermost.start(run);
        }
    }
}

impl fmt::Debug for UsageTotals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let books = lock(&self.0.books);
        f.debug_struct("UsageTotals")
            .field("runs", &books.all.total.runs)
            .field("groups", &books.all.groups.len())
            .finish_non_exhaustive()
    }
}
