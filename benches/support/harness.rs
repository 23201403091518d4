//! Measures baseline and subject alternately in one process and compares their minima.

use std::time::{Duration, Instant};

/// The time after which a row starts no more rounds.
const LONGEST: Duration = Duration::from_secs(15);

/// Nanoseconds per unit that a row counts.
pub type Cost = f64;

/// The command-line options.
pub struct Options {
    /// The divisor of the amount of work.
    pub scale: usize,
    only: Vec<String>,
}

impl Options {
    pub fn read() -> Self {
        // `cargo test --benches` only checks that the benches run.
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

/// The bound of a row. It is met if one of its parts is met.
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

/// Measures both alternately and prints the row. Returns whether the bound is met.
pub fn compare(
    row: &Row,
    rounds: usize,
    mut baseline: impl FnMut() -> Cost,
    mut subject: impl FnMut() -> Cost,
) -> bool {
    let [base, ours] = alternate(rounds, [&mut baseline, &mut subject]);
    print(row, base, ours)
}

/// Measures all alternately. Returns the least cost of each.
pub fn alternate<const N: usize>(
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

/// Returns whether the row has a bound. Others are printed for comparison.
fn is_bound(bound: Bound) -> bool {
    bound.ratio.is_finite()
}

pub fn print(row: &Row, base: Cost, ours: Cost) -> bool {
    let ratio = ours / base;
    let is_near = row.bound.more_ns > 0.0 && ours - base <= row.bound.more_ns;
    let met = ratio <= row.bound.ratio || is_near;
    let bound = if !is_bound(row.bound) {
        "–".into()
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

/// Returns the time of `work` divided by `tokens`.
pub fn per_token(tokens: usize, work: impl FnOnce()) -> Cost {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as f64 / tokens as f64
}

/// Returns the CPU time of the whole process.
#[allow(dead_code, reason = "not every bench uses it")]
pub fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
