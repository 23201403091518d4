//! What publishing and reading through NATS costs, beside async-nats used by hand for the same.
//!
//! `cargo bench --bench nats --features nats` starts a NATS server of its own; where none is installed it says so. Costs are for an
//! event; 1.25x stands for 0.8 of the events per second.

mod bare;
#[allow(dead_code, reason = "shared with other benches")]
mod ours;
mod server;

use harness::{Bound, Row, compare, per_token};
use server::Server;
use tokio::runtime::Runtime;

const ROUNDS: usize = 7;
const TOKENS: usize = 98;

fn main() {
    let options = harness::Options::read();
    let Some(server) = Server::start() else {
        println!("nats-server is not installed: nothing is measured");
        return;
    };
    let runs = (600 / options.scale).max(4);
    let events = runs * (TOKENS + 2);
    let runtime = Runtime::new().expect("threads can be started");
    println!("| work | baseline | baseline ns | ours ns | ratio | bound | |");
    println!("|---|---|---|---|---|---|---|");
    let bound = Bound::ratio(1.25);
    if options.wants("publish") {
        let baseline = "a handler by hand, 1,024 on their way";
        let row = Row { name: "publish an event", baseline, bound };
        let (mut one, mut other) = (0, 0);
        compare(
            &row,
            ROUNDS,
            || {
                one += 1;
                let stream = runtime.block_on(server.stream(&format!("bare-{one}")));
                let cost =
                    per_token(events, || runtime.block_on(bare::publish(&stream, runs, TOKENS)));
                runtime.block_on(server.delete(&stream, events));
                cost
            },
            || {
                other += 1;
                let stream = runtime.block_on(server.stream(&format!("ours-{other}")));
                let publisher = runtime.block_on(ours::publisher(&stream));
                let cost = per_token(events, || {
                    runtime.block_on(ours::publish(&publisher, runs, TOKENS));
                });
                assert_eq!(publisher.stats().acknowledged, events as u64);
                drop(publisher);
                runtime.block_on(server.delete(&stream, events));
                cost
            },
        );
    }
    if options.wants("read") {
        let stream = runtime.block_on(server.stream("read"));
        let publisher = runtime.block_on(ours::publisher(&stream));
        runtime.block_on(ours::publish(&publisher, runs, TOKENS));
        let baseline = "a consumer by hand, which reads the records";
        let row = Row { name: "read an event", baseline, bound };
        let (mut one, mut other) = (0, 0);
        compare(
            &row,
            ROUNDS,
            || {
                one += 1;
                per_token(events, || {
                    runtime.block_on(bare::read(&stream, &format!("bare-{one}"), events));
                })
            },
            || {
                other += 1;
                per_token(events, || {
                    runtime.block_on(ours::read(&stream, &format!("ours-{other}"), events));
                })
            },
        );
    }
}
