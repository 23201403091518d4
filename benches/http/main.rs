//! The cost of callbacks on HTTP calls, compared with hand-written code and with no layer.
//!
//! `cargo bench --all-features --bench http` prints one table and marks rows that miss their bound. Arguments after `--` select
//! rows: `cargo bench --all-features --bench http -- anthropic prompt`.

mod body;
mod decode;
mod latency;
mod prompt;
mod proxy;
mod throughput;
mod upstream;
mod work;

type Measure = Box<dyn Fn() -> Vec<bool>>;

fn main() {
    let options = harness::Options::read();
    println!("| work | baseline | baseline ns | ours ns | ratio | bound | |");
    println!("|---|---|---|---|---|---|---|");
    let scale = options.scale;
    let rows: Vec<(&str, Measure)> = vec![
        ("anthropic", Box::new(move || decode::anthropic(10_000 / scale))),
        ("openai", Box::new(move || decode::openai(10_000 / scale))),
        ("throughput-1", Box::new(move || throughput::row(1, 10_000 / scale))),
        ("throughput-256", Box::new(move || throughput::row(256, 100 / scale))),
        ("throughput-4096", Box::new(move || throughput::row(4_096 / scale, 20))),
        ("latency", Box::new(move || latency::row(256 / scale.min(10), 60 / scale.min(10)))),
        ("prompt-memory", Box::new(move || prompt::memory(4))),
        ("prompt-proxy", Box::new(move || prompt::proxied(300 / scale))),
    ];
    let met: Vec<bool> = rows
        .into_iter()
        .filter(|(name, _)| options.wants(name))
        .flat_map(|(_, measure)| measure())
        .collect();
    println!("\n{} of {} bounds met", met.iter().filter(|met| **met).count(), met.len());
}
