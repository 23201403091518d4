use std::sync::Mutex;

use super::{
    ratio::Ratio,
    recent::Recent,
    terms::{Estimated, Terms},
};
use crate::sync::lock;

/// The models, and the pairs of a model and a set of tools, that are remembered.
const MODELS: usize = 1_024;

/// The calls of one model and number of tools after which only every n-th is learned from.
const ENOUGH: u32 = 32;
const EVERY: u32 = 8;

/// What was learned from reported calls. Bounded: about 250 kB if full.
#[derive(Debug)]
pub(super) struct Learned(Mutex<Tables>);

#[derive(Debug)]
struct Tables {
    /// By model.
    answers: Recent<Answers>,
    /// By model and set of tools.
    requests: Recent<Terms>,
    /// By model and number of tools.
    calls: Recent<Calls>,
}

/// Answers with calls of tools and such without: their estimates are off by different reasons.
#[derive(Debug, Clone, Copy, Default)]
struct Answers {
    text: Ratio,
    tools: Ratio,
}

#[derive(Debug, Clone, Copy, Default)]
struct Calls {
    learned: u32,
    since: u32,
}

impl Default for Learned {
    fn default() -> Self {
        Self(Mutex::new(Tables {
            answers: Recent::new(MODELS),
            requests: Recent::new(MODELS),
            calls: Recent::new(MODELS),
        }))
    }
}

impl Learned {
    /// Whether another call should be learned from. Counts the call. One with a large prompt counts less.
    pub(super) fn wants(&self, key: u64, is_large: bool) -> bool {
        let (enough, every) = if is_large { (ENOUGH / 8, EVERY * 16) } else { (ENOUGH, EVERY) };
        let mut tables = lock(&self.0);
        let Some(calls) = tables.calls.get(key) else { return true };
        if calls.learned < enough {
            return true;
        }
        calls.since += 1;
        if calls.since >= every {
            calls.since = 0;
        }
        calls.since == 0
    }

    /// Notes that a call was offered, whatever it taught.
    pub(super) fn count(&self, key: u64) {
        let mut tables = lock(&self.0);
        let calls = tables.calls.entry(key, Calls::default);
        calls.learned = calls.learned.saturating_add(1);
    }

    pub(super) fn answer(&self, model: u64, has_calls: bool, reported: u64, estimated: f64) {
        let mut tables = lock(&self.0);
        tables.answers.entry(model, Answers::default).of(has_calls).add(reported, estimated);
    }

    pub(super) fn request(&self, key: u64, reported: u64, estimated: &Estimated) {
        lock(&self.0).requests.entry(key, Terms::default).add(reported, estimated);
    }

    /// Returns the factor of a model's answers.
    pub(super) fn factor(&self, model: u64, has_calls: bool, prior: f64) -> f64 {
        let mut tables = lock(&self.0);
        tables.answers.get(model).map_or(1.0, |answers| answers.of(has_calls).value(prior))
    }

    /// Returns the tokens of a request, by the first of the keys that is known, and whether one is.
    pub(super) fn tokens(&self, keys: [u64; 2], estimated: &Estimated) -> (f64, bool) {
        let mut tables = lock(&self.0);
        for key in keys {
            if let Some(terms) = tables.requests.get(key)
                && terms.is_known()
            {
                return (terms.value(estimated), true);
            }
        }
        (estimated.sum(), false)
    }
}

impl Answers {
    fn of(&mut self, has_calls: bool) -> &mut Ratio {
        if has_calls { &mut self.tools } else { &mut self.text }
    }
}
