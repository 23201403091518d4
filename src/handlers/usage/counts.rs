use serde::Serialize;

use super::{Amount, ModelPrice, measured::Measured};
use crate::event::{ErrorKind, LlmResult, Usage};

/// What some runs used, together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct UsageCounts {
    /// Runs that have ended, in whatever way.
    pub runs: u64,
    /// Runs that completed.
    pub completed: u64,
    /// Runs that did not, by why.
    pub errors: ErrorCounts,
    /// Runs of which the provider reported no usage.
    pub unreported_runs: u64,
    /// Tokens, as the providers reported them.
    pub reported: Usage,
    /// Token events that stand for output tokens of which there is no report: all that were seen of a run
    /// without one, and, of a run that did not complete, those beyond what was reported until then.
    ///
    /// They are pieces, as the providers sent them: one may be several tokens, and the input is not
    /// among them.
    pub counted_tokens: u64,
    /// All token events of all runs, reported or not. Answers that came whole have none.
    pub seen_tokens: u64,
    /// What it cost; none where there are [no prices](super::UsageTotals::prices).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

/// How many runs did not complete, by why: see [`ErrorKind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct ErrorCounts {
    /// The provider reported an error.
    pub provider: u64,
    /// The call failed on the way.
    pub transport: u64,
    /// The answer ended without its end mark.
    pub truncated: u64,
    /// The call was dropped.
    pub cancelled: u64,
    /// The run was aborted.
    pub aborted: u64,
    /// The inner service panicked.
    pub panic: u64,
}

/// What some runs cost, together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Cost {
    /// Of the tokens that were reported.
    pub reported: Amount,
    /// Of those that were [counted](UsageCounts::counted_tokens), as output tokens.
    pub counted: Amount,
    /// Runs that used something at a price that is not known. They add nothing to the others.
    pub unpriced_runs: u64,
}

impl Cost {
    /// What was reported and what was counted, together.
    pub fn total(&self) -> Amount {
        self.reported.plus(self.counted)
    }
}

impl ErrorCounts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.provider + self.transport + self.truncated + self.cancelled + self.aborted + self.panic
    }

    fn add(&mut self, kind: ErrorKind) {
        *match kind {
            ErrorKind::Provider => &mut self.provider,
            ErrorKind::Transport => &mut self.transport,
            ErrorKind::Truncated => &mut self.truncated,
            ErrorKind::Cancelled => &mut self.cancelled,
            ErrorKind::Aborted => &mut self.aborted,
            ErrorKind::Panic => &mut self.panic,
        } += 1;
    }
}

/// What one run adds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addition {
    pub(super) error: Option<ErrorKind>,
    pub(super) measured: Measured,
    pub(super) seen: u64,
    /// None where there are no prices.
    pub(super) cost: Option<Cost>,
}

impl Addition {
    pub(super) fn new(result: &LlmResult, error: Option<ErrorKind>) -> Self {
        let measured = Measured::of(result, error.is_none());
        Self { error, measured, seen: result.tokens, cost: None }
    }

    /// Prices it. False if there is something to pay for, and the price is not known.
    pub(super) fn priced(&mut self, price: Option<&ModelPrice>) -> bool {
        let Measured { reported, counted } = self.measured;
        let cost = match price {
            Some(price) => Cost {
                reported: reported.map_or(Amount::ZERO, |usage| price.cost(&usage)),
                counted: price.of_output(counted),
                unpriced_runs: 0,
            },
            None => {
                Cost { unpriced_runs: u64::from(!self.measured.is_nothing()), ..Cost::default() }
            }
        };
        self.cost = Some(cost);
        cost.unpriced_runs == 0
    }
}

impl UsageCounts {
    pub(super) fn add(&mut self, run: &Addition) {
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

    /// Output tokens, those that were counted included.
    pub fn output_tokens(&self) -> u64 {
        self.reported.output_tokens.saturating_add(self.counted_tokens)
    }

    /// What the runs of both add up to: of what was [taken](super::UsageTotals::take) twice, for example.
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
            },
            unreported_runs: self.unreported_runs + other.unreported_runs,
            reported: self.reported.plus(&other.reported),
            counted_tokens: self.counted_tokens.saturating_add(other.counted_tokens),
            seen_tokens: self.seen_tokens.saturating_add(other.seen_tokens),
            cost,
        }
    }
}
