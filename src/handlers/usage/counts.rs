use serde::Serialize;

use super::{priced::RunCosts, used::Used};
use crate::event::{Amount, ErrorKind, LlmResult, Usage};

/// The usage of a set of runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct UsageCounts {
    /// Runs that have ended, completed or not.
    pub runs: u64,
    /// Runs that completed.
    pub completed: u64,
    /// Runs that did not complete, by cause.
    pub errors: ErrorCounts,
    /// Runs whose answer came from a [cache](crate::Run::set_cached). They have no tokens and cost nothing.
    pub cached_runs: u64,
    /// Runs whose provider reported no usage, without those whose answer came from a cache.
    pub unreported_runs: u64,
    /// Runs of which a count is estimated.
    pub estimated_runs: u64,
    /// Tokens, as the providers reported them.
    pub reported: Usage,
    /// Tokens that no provider reported, as [estimated](crate::estimate). A run is in both if its input was reported and
    /// its output was not.
    pub estimated: Usage,
    /// All token events of all runs, reported or not, but those from a cache. Answers that are not streamed have no token events.
    pub seen_tokens: u64,
    /// The cost of the runs, or `None` if there are [no prices](super::UsageTotalsBuilder::prices).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

/// The numbers of runs that did not complete, by [`ErrorKind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct ErrorCounts {
    /// Runs whose provider reported an error.
    pub provider: u64,
    /// Runs whose transport failed.
    pub transport: u64,
    /// Runs whose answer ended without its end mark.
    pub truncated: u64,
    /// Runs whose call was dropped.
    pub cancelled: u64,
    /// Runs that were aborted.
    pub aborted: u64,
    /// Runs whose inner service panicked.
    pub panic: u64,
    /// Runs whose request or configuration was invalid.
    pub invalid: u64,
    /// Runs of chains, tools and retrievers that failed by themselves.
    pub failed: u64,
}

/// The cost of a set of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Cost {
    /// The cost of reported tokens.
    pub reported: Amount,
    /// The cost of [estimated tokens](UsageCounts::estimated).
    pub estimated: Amount,
    /// Runs that used tokens of a model without a price, or with one in another currency. They add nothing to the
    /// amounts.
    pub unpriced_runs: u64,
}

impl Cost {
    /// Returns the cost of reported and estimated tokens.
    pub fn total(&self) -> Amount {
        self.reported.plus(self.estimated)
    }
}

impl ErrorCounts {
    /// Returns the number of runs that did not complete.
    pub fn total(&self) -> u64 {
        [
            self.provider,
            self.transport,
            self.truncated,
            self.cancelled,
            self.aborted,
            self.panic,
            self.invalid,
            self.failed,
        ]
        .iter()
        .sum()
    }

    fn add(&mut self, kind: ErrorKind) {
        *match kind {
            ErrorKind::Provider => &mut self.provider,
            ErrorKind::Transport => &mut self.transport,
            ErrorKind::Truncated => &mut self.truncated,
            ErrorKind::Cancelled => &mut self.cancelled,
            ErrorKind::Aborted => &mut self.aborted,
            ErrorKind::Panic => &mut self.panic,
            ErrorKind::Invalid => &mut self.invalid,
            ErrorKind::Failed => &mut self.failed,
        } += 1;
    }
}

/// The usage of one run.
#[derive(Debug, Clone)]
pub(super) struct RunCounts {
    pub(super) error: Option<ErrorKind>,
    pub(super) used: Used,
    pub(super) seen: u64,
    pub(super) cached: bool,
    /// `None` if there are no prices.
    pub(super) cost: Option<Cost>,
}

impl RunCounts {
    pub(super) fn new(result: &LlmResult, error: Option<ErrorKind>) -> Self {
        let seen = if result.cached { 0 } else { result.tokens };
        Self { error, used: Used::of(result), seen, cached: result.cached, cost: None }
    }

    /// Sets the cost, `None` if it is not known. Returns `false` if tokens were used and their price is unknown.
    pub(super) fn set_cost(&mut self, cost: Option<RunCosts>) -> bool {
        let cost = match cost {
            Some(RunCosts { reported, estimated }) => {
                Cost { reported, estimated, unpriced_runs: 0 }
            }
            None => Cost { unpriced_runs: u64::from(self.used.tokens() > 0), ..Cost::default() },
        };
        self.cost = Some(cost);
        cost.unpriced_runs == 0
    }
}

impl UsageCounts {
    pub(super) fn add(&mut self, run: &RunCounts) {
        self.runs += 1;
        match run.error {
            None => self.completed += 1,
            Some(kind) => self.errors.add(kind),
        }
        match &run.used.reported {
            Some(usage) => self.reported = self.reported.plus(usage),
            None if run.cached => self.cached_runs += 1,
            None => self.unreported_runs += 1,
        }
        if let Some(usage) = &run.used.estimated {
            self.estimated = self.estimated.plus(usage);
            self.estimated_runs += 1;
        }
        self.seen_tokens = self.seen_tokens.saturating_add(run.seen);
        if let Some(cost) = &run.cost {
            let sum = self.cost.get_or_insert_default();
            sum.reported = sum.reported.plus(cost.reported);
            sum.estimated = sum.estimated.plus(cost.estimated);
            sum.unpriced_runs += cost.unpriced_runs;
        }
    }

    /// Returns the input tokens, reported and estimated.
    pub fn input_tokens(&self) -> u64 {
        sum(self.reported.input_tokens, self.estimated.input_tokens)
    }

    /// Returns the output tokens, reported and estimated.
    pub fn output_tokens(&self) -> u64 {
        sum(self.reported.output_tokens, self.estimated.output_tokens)
    }

    /// Returns the sum of both, for example of two snapshots that were [taken](super::UsageTotals::take).
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let cost = match (self.cost, other.cost) {
            (Some(a), Some(b)) => Some(Cost {
                reported: a.reported.plus(b.reported),
                estimated: a.estimated.plus(b.estimated),
                unpriced_runs: a.unpriced_runs + b.unpriced_runs,
            }),
            (a, b) => a.or(b),
        };
        Self {
            runs: self.runs + other.runs,
            completed: self.completed + other.completed,
            errors: ErrorCounts {
                provider: self.errors.provider + other.errors.provider,
                transport: self.errors.transport + other.errors.transport,
                truncated: self.errors.truncated + other.errors.truncated,
                cancelled: self.errors.cancelled + other.errors.cancelled,
                aborted: self.errors.aborted + other.errors.aborted,
                panic: self.errors.panic + other.errors.panic,
                invalid: self.errors.invalid + other.errors.invalid,
                failed: self.errors.failed + other.errors.failed,
            },
            cached_runs: self.cached_runs + other.cached_runs,
            unreported_runs: self.unreported_runs + other.unreported_runs,
            estimated_runs: self.estimated_runs + other.estimated_runs,
            reported: self.reported.plus(&other.reported),
            estimated: self.estimated.plus(&other.estimated),
            seen_tokens: self.seen_tokens.saturating_add(other.seen_tokens),
            cost,
        }
    }
}

fn sum(reported: Option<u64>, estimated: Option<u64>) -> u64 {
    reported.unwrap_or(0).saturating_add(estimated.unwrap_or(0))
}
