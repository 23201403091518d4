//! The cost per token of the ready-made inline handlers, compared with the same stream and a handler that does
//! nothing.
//!
//! `cargo bench --all-features --bench handlers` prints one table and marks rows that miss their bound. Arguments after `--` select
//! rows: `cargo bench --all-features --bench handlers -- budget`.

mod estimates;
mod full;
mod otel;
mod rows;
mod work;

fn main() {
    let options = harness::Options::read();
    println!("| work | baseline | baseline ns | ours ns | ratio | bound | |");
    println!("|---|---|---|---|---|---|---|");
    let met = rows::all(options.scale, &|row| options.wants(row));
    println!("\n{} of {} bounds met", met.iter().filter(|met| **met).count(), met.len());
}
