//! What the ready-made handlers cost for each token, inline, beside the same stream with a handler that does
//! nothing with it.
//!
//! `cargo bench --bench handlers` prints one table; a row that misses its bound is marked. Words after `--`
//! choose rows: `cargo bench --bench handlers -- budget`.

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
