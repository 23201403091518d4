//! What the ready-made handlers cost.
//!
//! `cargo bench --bench handlers` prints one table. Words after `--` choose rows:
//! `cargo bench --bench handlers -- otel`.

#[path = "../support/harness.rs"]
mod harness;
#[cfg(feature = "otel")]
mod otel;
mod rows;

fn main() {
    let options = harness::Options::read();
    println!("| work | baseline | baseline ns | ours ns | ratio | bound | |");
    println!("|---|---|---|---|---|---|---|");
    let met = rows::all(options.scale, &|row| options.wants(row));
    println!("\n{} of {} bounds met", met.iter().filter(|met| **met).count(), met.len());
}
