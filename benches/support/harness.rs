//! Baseline and subject by turns, in one process; the ratio of their minima.

use std::time::{Duration, Instant};

/// No row takes longer.
const LONGEST: Duration = Duration::from_secs(15);

/// Nanoseconds for one of what a row counts.
pub type Cost = f64;

/// What was asked for on the command line.
pub struct Options {
    /// By how much less there is to do.
    pub scale: usize,
    only: Vec<String>,
}

impl Options {
    pub fn read() -> Self {
        // `cargo test --benches` runs this too: then it only has to work.
        let quick = !std::env::args().any(|arg| arg == "--bench");
        let only = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
        Self { scale: if quick { 100 } else { 1 }, only }
    }

    pub fn wants(&self, row: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| row.contains(name.as_str()))
    }
}

pub struct Row {
    pub name: &'static str,
    pub baseline: &'static str,
    pub bound: Bound,
}

/// What a row has to meet; one of its parts is enough.
#[derive(Clone, Copy)]
pub struct Bound {
    pub ratio: f64,
    pub more_ns: f64,
}

impl Bound {
    pub const fn ratio(ratio: f64) -> Self {
        Self { ratio, more_ns: 0.0 }
    }
}

/// Measures both by turns and prints the row. True if the bound is met.
pub fn compare(
    row: &Row,
    rounds: usize,
    mut baseline: impl FnMut() -> Cost,
    mut subject: impl FnMut() -> Cost,
) -> bool {
    let [base, ours] = by_turns(rounds, [&mut baseline, &mut subject]);
    print(row, base, ours)
}

/// The least cost of each, measured by turns.
pub fn by_turns<const N: usize>(
    rounds: usize,
    mut work: [&mut dyn FnMut() -> Cost; N],
) -> [Cost; N] {
    let mut least = [f64::MAX; N];
    let start = Instant::now();
    for round in 0..rounds {
        if round > 0 && start.elapsed() > LONGEST {
            break;
        }
        for (least, work) in least.iter_mut().zip(&mut work) {
            *least = least.min(work());
        }
    }
    least
}

/// Whether there is a bound at all; if not, the row is there for comparison.
fn is_bound(bound: Bound) -> bool {
    bound.ratio.is_finite()
}

pub fn print(row: &Row, base: Cost, ours: Cost) -> bool {
    let ratio = ours / base;
    let met = ratio <= row.bound.ratio || ours - base <= row.bound.more_ns;
    let bound = if !is_bound(row.bound) {
        "none".into()
    } else if row.bound.more_ns > 0.0 {
        format!("<= {}x or {} ns more", row.bound.ratio, row.bound.more_ns)
    } else {
        format!("<= {}x", row.bound.ratio)
    };
    println!(
        "| {} | {} | {base:.2} | {ours:.2} | {ratio:.2}x | {bound} | {} |",
        row.name,
        row.baseline,
        if !is_bound(row.bound) {
            ""
        } else if met {
            "met"
        } else {
            "MISSED"
        }
    );
    met
}

/// Time for one of `tokens`.
pub fn per_token(tokens: usize, work: impl FnOnce()) -> Cost {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as f64 / tokens as f64
}

/// Processor time of the whole process.
#[allow(dead_code, reason = "not every bench asks for it")]
pub fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
