use serde::Serialize;

use super::{measured::Measured, priced::CallCost};
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
    /// Runs without usage reported by the provider.
    pub unreported_runs: u64,
    /// Tokens, as the providers reported them.
    pub reported: Usage,
    /// Output tokens estimated from token events, because the provider reported no usage or had reported fewer
    /// tokens before a run failed.
    ///
    /// A token event is a piece as the provider sent it and may hold several tokens. Input tokens are not
    /// estimated.
    pub counted_tokens: u64,
    /// All token events of all runs, reported or not. Answers that are not streamed have no token events.
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
    /// The cost of [counted tokens](UsageCounts::counted_tokens), at the price of output tokens, and costs that layers
    /// [estimated](crate::event::RunCost::estimated).
    pub counted: Amount,
    /// Runs that used tokens of a model without a price, or with one in another currency. They add nothing to the
    /// amounts.
    pub unpriced_runs: u64,
}

impl Cost {
    /// Returns the cost of reported and counted tokens.
    pub fn total(&self) -> Amount {
        self.reported.plus(self.counted)
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
    pub(super) measured: Measured,
    pub(super) seen: u64,
    /// `None` if there are no prices.
    pub(super) cost: Option<Cost>,
}

impl RunCounts {
    pub(super) fn new(result: &LlmResult, error: Option<ErrorKind>) -> Self {
        let measured = Measured::of(result, error.is_none());
        Self { error, measured, seen: result.tokens, cost: None }
    }

    /// Sets the cost, `None` if it is not known. Returns `false` if tokens were used and their price is unknown.
    pub(super) fn set_cost(&mut self, cost: Option<CallCost>) -> bool {
        let cost = match cost {
            Some(CallCost { reported, counted }) => Cost { reported, counted, unpriced_runs: 0 },
            None => Cost { unpriced_runs: u64::from(!self.measured.is_zero()), ..Cost::default() },
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
        match &run.measured.reported {
            Some(usage) => self.reported = self.reported.plus(usage),
            None => self.unreported_runs += 1,
        }
        self.counted_tokens = self.counted_tokens.saturating_add(run.measured.counted);
        self.seen_tokens = self.seen_tokens.saturating_add(run.seen);
        if let Some(cost) = &run.cost {
            let sum = self.cost.get_or_insert_default();
            sum.reported = sum.reported.plus(cost.reported);
            sum.counted = sum.counted.plus(cost.counted);
            sum.unpriced_runs += cost.unpriced_runs;
        }
    }

    /// Returns the output tokens, reported and counted.
    pub fn output_tokens(&self) -> u64 {
        self.reported.output_tokens.unwrap_or(0).saturating_add(self.counted_tokens)
    }

    /// Returns the sum of both, for example of two snapshots that were [taken](super::UsageTotals::take).
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let cost = match (self.cost, other.cost) {
            (Some(a), Some(b)) => Some(Cost {
                reported: a.reported.plus(b.reported),
                counted: a.counted.plus(b.counted),
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
            unreported_runs: self.unreported_runs + other.unreported_runs,
            reported: self.reported.plus(&other.reported),
            counted_tokens: self.counted_tokens.saturating_add(other.counted_tokens),
            seen_tokens: self.seen_tokens.saturating_add(other.seen_tokens),
            cost,
        }
    }
}
