//! Random schedules over a store that fails at random, with a process that is killed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use tower_llm_callbacks::testing::Script;

use super::{
    super::{ask, asking, report},
    LEASE, flushed, model, process,
    store::{Store, Way, next},
};

const LIMIT: u64 = 3_000;
const RESERVED: u64 = 100;

/// Whatever happens: no more than the limit is spent, but for the reservations of the killed process; and the store has
/// what the others have spent, to the token.
#[test]
fn nothing_is_overspent_lost_or_counted_twice() {
    for seed in 0..60 {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        runtime.block_on(schedule(seed));
    }
}

async fn schedule(seed: u64) {
    let store = Store::default();
    let mut random = seed;
    let reaches = [store.reach(), store.reach(), store.reach()];
    let guards = reaches.each_ref().map(|reach| {
        reach.set(Way::Random(next(&mut random)));
        process(LIMIT, reach)
    });
    let spent = [0; 3].map(|_: i32| Arc::new(AtomicU64::new(0)));
    let mut calls = JoinSet::new();
    for call in 0..90 {
        let process = call % 3;
        let (start, pause, tokens) = (
            next(&mut random) % 2_000,
            next(&mut random) % 300,
            next(&mut random) % (RESERVED + 1),
        );
        let script = Script::new().respond().pause(Duration::from_millis(pause));
        let mut model = model(&guards[process], script.chunk(report(0, tokens)).complete("stop"));
        let spent = Arc::clone(&spent[process]);
        let patience = Duration::from_millis(next(&mut random) % 2_000);
        calls.spawn(async move {
            sleep(Duration::from_millis(start)).await;
            // Some stop waiting. Their usage is not reported unless they have read the answer.
            let called =
                timeout(patience + Duration::from_millis(400), ask(&mut model, asking(100)));
            if called.await.is_ok_and(|(_, error)| error.is_none()) {
                spent.fetch_add(tokens, Ordering::Relaxed);
            }
        });
    }
    let killed = async {
        sleep(Duration::from_millis(700 + next(&mut random) % 1_000)).await;
        reaches[0].set(Way::Dead);
    };
    let watch = async {
        let mut most = 0;
        for _ in 0..4_000 {
            let (spent, reserved) = store.all();
            most = most.max(spent + reserved);
            sleep(Duration::from_millis(1)).await;
        }
        most
    };
    let ((), most) = tokio::join!(killed, watch);
    assert!(most <= LIMIT, "seed {seed}: {most} were spent and reserved");
    calls.join_all().await;
    for reach in &reaches[1..] {
        reach.set(Way::Open);
    }
    for guard in &guards[1..] {
        flushed(guard).await;
        assert_eq!(guard.report().open_runs, 0, "seed {seed}");
    }
    let truth = spent.each_ref().map(|spent| spent.load(Ordering::Relaxed));
    let (stored, reserved) = store.all();
    let parts = store.parts("test/all/key/");
    // The parts of the others, in any order: all but one.
    let theirs = truth[1] + truth[2];
    assert!(
        stored == theirs || parts.iter().any(|(of_dead, _)| stored - of_dead == theirs),
        "seed {seed}: {parts:?}, in truth {truth:?}"
    );
    assert!(truth.iter().sum::<u64>() <= LIMIT, "seed {seed}");
    assert!(stored <= LIMIT && parts.iter().filter(|(_, reserved)| *reserved > 0).count() <= 1);
    // After its lease, all but what the killed process has spent is available to others.
    let mut last =
        model(&guards[1], Script::new().respond().chunk(report(0, 100)).complete("stop"));
    for _ in 0..2 {
        ask(&mut last, asking(LIMIT as u32)).await;
        sleep(LEASE).await;
    }
    let mut more = 0;
    while ask(&mut last, asking(100)).await.1.is_none() {
        more += 100;
        assert!(more <= LIMIT, "seed {seed}");
    }
    flushed(&guards[1]).await;
    let (stored, left) = store.all();
    assert!(stored <= LIMIT && stored + RESERVED > LIMIT && left == 0, "seed {seed}: {stored}");
    // Overspent is at most what the killed process had reserved.
    assert!(truth[0] + theirs + more <= LIMIT + reserved, "seed {seed}");
}
