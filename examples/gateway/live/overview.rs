use std::{
    collections::VecDeque,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Serialize;

use super::row::RunRow;

/// The minutes that are plotted.
const MINUTES: u64 = 30;

/// The ended runs that quantiles are computed from.
const SAMPLES: usize = 1000;

/// What the model calls of the last minutes add up to, also those that are no longer kept.
#[derive(Debug, Default)]
pub(super) struct Overview {
    /// The minutes in which a call ended, the oldest first.
    minutes: VecDeque<Minute>,
    durations: VecDeque<f64>,
    firsts: VecDeque<f64>,
    currency: Option<String>,
    /// The number of ended calls.
    ended: u64,
}

/// The model calls that ended in a minute.
#[derive(Debug, Default, Clone, Serialize)]
struct Minute {
    /// In minutes since 1970.
    #[serde(skip)]
    at: u64,
    runs: u64,
    failed: u64,
    input: u64,
    output: u64,
    /// An approximation, for a plot only.
    cost: f64,
}

/// What is shown above the table.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    /// The last minutes, the oldest first, without gaps.
    minutes: Vec<Minute>,
    currency: Option<String>,
    duration: Quantiles,
    first: Quantiles,
}

/// In milliseconds.
#[derive(Debug, Serialize)]
struct Quantiles {
    p50: Option<f64>,
    p95: Option<f64>,
}

impl Overview {
    /// Adds an ended run. Only calls of models count: what is around them would count them twice.
    pub(super) fn ended(&mut self, row: &RunRow, time: SystemTime) {
        if row.model.is_empty() {
            return;
        }
        self.ended += 1;
        let at = minute(time);
        let minute = match self.minutes.iter().rposition(|minute| minute.at <= at) {
            Some(known) if self.minutes[known].at == at => &mut self.minutes[known],
            before => {
                let place = before.map_or(0, |before| before + 1);
                self.minutes.insert(place, Minute { at, ..Minute::default() });
                &mut self.minutes[place]
            }
        };
        minute.runs += 1;
        minute.failed += u64::from(row.state != "completed");
        minute.input += row.input.unwrap_or_default();
        minute.output += row.output.unwrap_or_default();
        if let Some(cost) = &row.cost {
            minute.cost += cost.amount.to_string().parse().unwrap_or(0.0);
            self.currency = Some(cost.currency.to_string());
        }
        while self.minutes.len() > MINUTES as usize {
            self.minutes.pop_front();
        }
        push(&mut self.durations, row.duration);
        push(&mut self.firsts, row.first);
    }

    /// Returns what the summary depends on.
    pub(super) fn state(&self, now: SystemTime) -> (u64, u64) {
        (self.ended, minute(now))
    }

    pub(super) fn summary(&self, now: SystemTime) -> Summary {
        let now = minute(now);
        let of = |at| self.minutes.iter().find(|minute| minute.at == at).cloned();
        Summary {
            minutes: (now + 1 - MINUTES..=now).map(|at| of(at).unwrap_or_default()).collect(),
            currency: self.currency.clone(),
            duration: Quantiles::of(&self.durations),
            first: Quantiles::of(&self.firsts),
        }
    }
}

impl Quantiles {
    fn of(samples: &VecDeque<f64>) -> Self {
        let mut sorted: Vec<f64> = samples.iter().copied().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |quantile: f64| {
            let last = sorted.len().checked_sub(1)?;
            Some(sorted[(last as f64 * quantile).round() as usize])
        };
        Self { p50: at(0.5), p95: at(0.95) }
    }
}

fn push(samples: &mut VecDeque<f64>, sample: Option<f64>) {
    samples.extend(sample);
    if samples.len() > SAMPLES {
        samples.pop_front();
    }
}

fn minute(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    since.as_secs() / 60
}
