//! What runs cost that are not models': a chain around work, and what inheriting adds to a token.
//!
//! `cargo bench --bench tree` prints one table; a row that misses its bound is marked. Words after `--`
//! choose rows: `cargo bench --bench tree -- chain`.

mod rows;
mod work;

fn main() {
    let options = harness::Options::read();
    println!("| work | baseline | baseline ns | ours ns | ratio | bound | |");
    println!("|---|---|---|---|---|---|---|");
    let met = rows::all(options.scale, &|row| options.wants(row));
    println!("\n{} of {} bounds met", met.iter().filter(|met| **met).count(), met.len());
}
