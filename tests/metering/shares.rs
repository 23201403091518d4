//! Ratios of estimates to reports.

/// The share of estimates that are nearly right, and their median.
pub struct Shares {
    pub n: usize,
    pub median: f64,
    pub in_10: f64,
    pub in_25: f64,
}

pub fn of(name: &str, mut ratios: Vec<f64>) -> Shares {
    ratios.sort_by(f64::total_cmp);
    let at = |share: f64| ratios.get(((ratios.len() as f64 - 1.0) * share).round() as usize);
    let within = |factor: f64| {
        let near = ratios.iter().filter(|ratio| ratio.ln().abs() <= factor.ln()).count();
        near as f64 / ratios.len() as f64
    };
    let shares = Shares {
        n: ratios.len(),
        median: at(0.5).copied().unwrap_or(f64::NAN),
        in_10: within(1.1),
        in_25: within(1.25),
    };
    let [low, high] = [0.05, 0.95].map(|share| at(share).copied().unwrap_or(f64::NAN));
    println!(
        "{name:36} n = {:4}  {:.3} ({low:.2}–{high:.2})  {:3.0} % in 10 %  {:3.0} % in 25 %",
        shares.n,
        shares.median,
        100.0 * shares.in_10,
        100.0 * shares.in_25,
    );
    shares
}
