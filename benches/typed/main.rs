//! What the callbacks of a typed stream cost for each token, beside what people write by hand.
//!
//! `cargo bench --bench typed` prints one table; a row that misses its bound is marked. Words after `--`
//! choose rows: `cargo bench --bench typed -- inline lockstep`.

mod rows;
mod work;

fn main() {
    let options = harness::Options::read();
    println!("| work | baseline | baseline ns/token | ours ns/token | ratio | bound | |");
    println!("|---|---|---|---|---|---|---|");
    let met = rows::all(options.scale, &|row| options.wants(row));
    println!("\n{} of {} bounds met", met.iter().filter(|met| **met).count(), met.len());
}
