//! The cost of a chain around work, and of inherited handlers per token.
//!
//! `cargo bench --all-features --bench tree` prints one table and marks rows that miss their bound. Arguments after `--` select rows:
//! `cargo bench --all-features --bench tree -- chain`.

mod rows;
mod work;

fn main() {
    let options = harness::Options::read();
    println!("| work | baseline | baseline ns | ours ns | ratio | bound | |");
    println!("|---|---|---|---|---|---|---|");
    let met = rows::all(options.scale, &|row| options.wants(row));
    println!("\n{} of {} bounds met", met.iter().filter(|met| **met).count(), met.len());
}
