//! Baseline and subject by turns, in one process; the ratio of their minima.

use std::time::{Duration, Instant};

/// Nanoseconds for one token.
pub(crate) type Cost = f64;

pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) baseline: &'static str,
    pub(crate) bound: Bound,
}

/// What a row has to meet; one of its parts is enough.
#[derive(Clone, Copy)]
pub(crate) struct Bound {
    pub(crate) ratio: f64,
    pub(crate) more_ns: f64,
}

impl Bound {
    pub(crate) const fn ratio(ratio: f64) -> Self {
        Self { ratio, more_ns: 0.0 }
    }

    pub(crate) const fn or_ns(self, more_ns: f64) -> Self {
        Self { more_ns, ..self }
    }
}

/// Runs both by turns and prints the row. True if the bound is met.
pub(crate) fn compare(
    row: &Row,
    rounds: usize,
    mut baseline: impl FnMut() -> Cost,
    mut subject: impl FnMut() -> Cost,
) -> bool {
    let (mut base, mut ours) = (f64::MAX, f64::MAX);
    for _ in 0..rounds {
        base = base.min(baseline());
        ours = ours.min(subject());
    }
    print(row, base, ours)
}

pub(crate) fn print(row: &Row, base: Cost, ours: Cost) -> bool {
    let ratio = ours / base;
    let met = ratio <= row.bound.ratio || ours - base <= row.bound.more_ns;
    let bound = if row.bound.more_ns > 0.0 {
        format!("<= {}x or {} ns more", row.bound.ratio, row.bound.more_ns)
    } else {
        format!("<= {}x", row.bound.ratio)
    };
    println!(
        "| {} | {} | {base:.2} | {ours:.2} | {ratio:.2}x | {bound} | {} |",
        row.name,
        row.baseline,
        if met { "met" } else { "MISSED" }
    );
    met
}

/// Time for one of `tokens`.
pub(crate) fn per_token(tokens: usize, work: impl FnOnce()) -> Cost {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as f64 / tokens as f64
}

/// Processor time of the whole process.
pub(crate) fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
