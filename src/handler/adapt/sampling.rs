use std::{sync::Arc, time::Duration};

use serde_json::Value;
use uuid::Uuid;

use crate::{
    event::{Amount, EventData, LlmResult, RunError},
    run::Run,
};

/// Which runs a handler gets: see [`HandlerExt::sample`](super::HandlerExt::sample).
///
/// A share of all run trees, decided when a run starts by the id of its tree: the same trees in every process and for every
/// handler. The share may depend on a key of the metadata. Besides, runs may be kept for how they end: then the events of
/// the others wait in a buffer until their end.
///
/// ```
/// use std::time::Duration;
/// use tower_llm_callbacks::handler::Sampling;
///
/// let sampling = Sampling::share(0.01)
///     .share_of("tenant", "acme", 1.0)
///     .keep_errors()
///     .keep_slower_than(Duration::from_secs(30));
/// ```
#[derive(Debug, Clone)]
pub struct Sampling {
    share: f64,
    shares: Vec<(Arc<str>, Arc<str>, f64)>,
    errors: bool,
    slower: Option<Duration>,
    dearer: Option<Amount>,
    pub(super) events_of_a_run: usize,
    pub(super) events: usize,
}

impl Sampling {
    /// Samples this share of all run trees: 0 for no tree, 1 for all.
    ///
    /// # Panics
    ///
    /// If the share is not between 0 and 1.
    pub fn share(share: f64) -> Self {
        Self {
            share: checked(share),
            shares: Vec::new(),
            errors: false,
            slower: None,
            dearer: None,
            events_of_a_run: 1_000,
            events: 100_000,
        }
    }

    /// Samples another share of the runs whose metadata has this value, such as those of a tenant. The first that fits
    /// counts.
    ///
    /// # Panics
    ///
    /// If the share is not between 0 and 1.
    #[must_use]
    pub fn share_of(
        mut self,
        key: impl Into<Arc<str>>,
        value: impl Into<Arc<str>>,
        share: f64,
    ) -> Self {
        self.shares.push((key.into(), value.into(), checked(share)));
        self
    }

    /// Keeps every run that ends in an error. A call that its consumer dropped is one.
    #[must_use]
    pub fn keep_errors(mut self) -> Self {
        self.errors = true;
        self
    }

    /// Keeps every run that takes longer.
    #[must_use]
    pub fn keep_slower_than(mut self, duration: Duration) -> Self {
        self.slower = Some(duration);
        self
    }

    /// Keeps every model call that costs more, in units of the currency of the layer's
    /// [prices](crate::CallbackLayer::prices).
    #[must_use]
    pub fn keep_dearer_than(mut self, amount: Amount) -> Self {
        self.dearer = Some(amount);
        self
    }

    /// Sets how many events may wait for the end of their run, of one run and of all runs together. The defaults are 1,000
    /// and 100,000.
    ///
    /// Beyond that, tokens are dropped and counted in the [result](LlmResult::dropped_tokens) if the run is kept, and custom
    /// events and retries are dropped. Starts always wait.
    #[must_use]
    pub fn buffer(mut self, events_of_a_run: usize, events: usize) -> Self {
        (self.events_of_a_run, self.events) = (events_of_a_run, events);
        self
    }

    /// Whether the run is kept whatever its end.
    pub(super) fn keeps_tree(&self, run: &Run) -> bool {
        let share_of = |(key, value, share): &(Arc<str>, Arc<str>, f64)| {
            let is = match run.metadata().get(&**key)? {
                Value::String(text) => **text == **value,
                other => *other.to_string() == **value,
            };
            is.then_some(*share)
        };
        let share = self.shares.iter().find_map(share_of).unwrap_or(self.share);
        place(run.root_run_id()) < share
    }

    /// Whether the run may be kept for its end.
    pub(super) fn looks_at_ends(&self) -> bool {
        self.errors || self.slower.is_some() || self.dearer.is_some()
    }

    /// Whether the run is kept for its end.
    pub(super) fn keeps_end(&self, terminal: &EventData) -> bool {
        let (error, duration, result): (_, _, Option<&LlmResult>) = match terminal {
            EventData::LlmEnd(result) | EventData::ModelEnd(_, result) => {
                (false, result.duration, Some(result))
            }
            EventData::RunEnd(_, output) => (false, output.duration, None),
            EventData::LlmError(error)
            | EventData::ModelError(_, error)
            | EventData::RunError(_, error) => (true, error.duration(), RunError::result(error)),
            _ => return false,
        };
        let cost = result.and_then(|result| result.cost.as_ref());
        (error && self.errors)
            || self.slower.is_some_and(|slower| duration > slower)
            || self.dearer.is_some_and(|dearer| cost.is_some_and(|cost| cost.amount > dearer))
    }
}

fn checked(share: f64) -> f64 {
    assert!((0.0..=1.0).contains(&share), "a share must be between 0 and 1: {share}");
    share
}

/// Returns the place of a tree between 0 and 1. The first half of an id is a timestamp: all of it is mixed.
fn place(tree: Uuid) -> f64 {
    let (high, low) = tree.as_u64_pair();
    // The finaliser of splitmix64.
    let mut mixed = high.rotate_left(32) ^ low;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^= mixed >> 31;
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}
