//! What the callbacks of a typed stream cost for each token, beside what people write by hand.
//!
//! `cargo bench --bench typed` prints one table; a row that misses its bound is marked. Words after `--`
//! choose rows: `cargo bench --bench typed -- inline lockstep`.

mod harness;
mod rows;
mod work;

fn main() {
    // `cargo test --benches` runs this too: then it only has to work.
    let quick = !std::env::args().any(|arg| arg == "--bench");
    let scale = if quick { 100 } else { 1 };
    println!("| work | baseline | baseline ns/token | ours ns/token | ratio | bound | |");
    println!("|---|---|---|---|---|---|---|");
    let only: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |row: &str| only.is_empty() || only.iter().any(|name| row.contains(name.as_str()));
    let met = rows::all(scale, &wanted);
    println!("\n{} of {} bounds met", met.iter().filter(|met| **met).count(), met.len());
}
