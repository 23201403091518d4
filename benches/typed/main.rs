//! The cost per token of callbacks on a typed stream, compared with hand-written code.
//!
//! `cargo bench --all-features --bench typed` prints one table and marks rows that miss their bound. Arguments after `--` select
//! rows: `cargo bench --all-features --bench typed -- inline lockstep`.

mod rows;
mod work;

fn main() {
    let options = harness::Options::read();
    println!("| work | baseline | baseline ns/token | ours ns/token | ratio | bound | |");
    println!("|---|---|---|---|---|---|---|");
    let met = rows::all(options.scale, &|row| options.wants(row));
    println!("\n{} of {} bounds met", met.iter().filter(|met| **met).count(), met.len());
}
