//! The cost of publishing and reading events through NATS, compared with hand-written code on async-nats.
//!
//! `cargo bench --all-features --bench nats` starts its own NATS server and does nothing if `nats-server` is not installed. Costs are
//! per event; 1.25x means 80 % of the events per second.

mod bare;
#[allow(dead_code, reason = "shared with other benches")]
mod ours;
mod server;

use harness::{Bound, Row, compare, per_token};
use server::NatsServer;
use tokio::runtime::Runtime;

const ROUNDS: usize = 7;
const TOKENS: usize = 98;

fn main() {
    let options = harness::Options::read();
    let Some(server) = NatsServer::start() else {
        println!("nats-server is not installed: skipped");
        return;
    };
    let runs = (600 / options.scale).max(4);
    let events = runs * (TOKENS + 2);
    let runtime = Runtime::new().expect("threads can be started");
    println!("| work | baseline | baseline ns | ours ns | ratio | bound | |");
    println!("|---|---|---|---|---|---|---|");
    let bound = Bound::ratio(1.25);
    if options.wants("publish") {
        let baseline = "a hand-written handler, 1,024 in flight";
        let row = Row { name: "publish an event", baseline, bound };
        let (mut bare_round, mut our_round) = (0, 0);
        compare(
            &row,
            ROUNDS,
            || {
                bare_round += 1;
                let stream = runtime.block_on(server.stream(&format!("bare-{bare_round}")));
                let cost =
                    per_token(events, || runtime.block_on(bare::publish(&stream, runs, TOKENS)));
                runtime.block_on(server.delete(&stream, events));
                cost
            },
            || {
                our_round += 1;
                let stream = runtime.block_on(server.stream(&format!("ours-{our_round}")));
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
        let baseline = "a hand-written consumer that reads the records";
        let row = Row { name: "read an event", baseline, bound };
        let (mut bare_round, mut our_round) = (0, 0);
        compare(
            &row,
            ROUNDS,
            || {
                bare_round += 1;
                per_token(events, || {
                    runtime.block_on(bare::read(&stream, &format!("bare-{bare_round}"), events));
                })
            },
            || {
                our_round += 1;
                per_token(events, || {
                    runtime.block_on(ours::read(&stream, &format!("ours-{our_round}"), events));
                })
            },
        );
    }
}
