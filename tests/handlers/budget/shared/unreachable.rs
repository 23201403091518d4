//! A store that fails.

use std::time::Duration;

use http::StatusCode;
use tokio::time::{Instant, sleep};
use tower_llm_callbacks::{handlers::BudgetGuard, testing::Script};

use super::{
    super::{SPENT, TOO_MUCH, ask, asking, refusal, report, used},
    LEASE, budgets, flushed, model, process,
    store::{Store, Way},
};

const UNREADABLE: &str = "the budget cannot be read at the moment";

#[tokio::test(start_paused = true)]
async fn calls_are_refused_while_the_store_fails() {
    for way in [Way::Broken, Way::Dead] {
        let store = Store::default();
        let reach = store.reach();
        let guard = process(100, &reach);
        let mut model = model(&guard, used(1, 1));
        assert!(ask(&mut model, asking(9)).await.1.is_none());
        flushed(&guard).await;
        reach.set(way);
        let begun = Instant::now();
        for _ in 0..10 {
            let (reason, status) = refusal(ask(&mut model, asking(9)).await.1);
            let expected = (UNREADABLE, StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!((reason.as_str(), status), expected);
        }
        // Only the first waits for 2 s, and those before a request has failed.
        assert!(begun.elapsed() < Duration::from_secs(6), "{way:?}: {:?}", begun.elapsed());
        reach.set(Way::Open);
        sleep(Duration::from_secs(3)).await;
        assert!(ask(&mut model, asking(9)).await.1.is_none());
        flushed(&guard).await;
        assert_eq!((store.all(), guard.report().refused_runs), ((4, 0), 10));
    }
}

/// A call waits for a store that fails for a short time.
#[tokio::test(start_paused = true)]
async fn a_short_failure_refuses_nothing() {
    let store = Store::default();
    let reach = store.reach();
    let guard = process(100, &reach);
    reach.set(Way::Broken);
    let back = async {
        sleep(Duration::from_millis(800)).await;
        reach.set(Way::Open);
    };
    let mut model = model(&guard, used(1, 1));
    let (called, ()) = tokio::join!(ask(&mut model, asking(9)), back);
    assert!(called.1.is_none());
}

#[tokio::test(start_paused = true)]
async fn calls_may_be_admitted_within_what_was_left() {
    let store = Store::default();
    let reach = store.reach();
    let other = process(100, &store.reach());
    assert!(ask(&mut model(&other, used(0, 50)), asking(50)).await.1.is_none());
    flushed(&other).await;
    let guard = BudgetGuard::builder().usage_estimator(support::pieces()).tokens(100);
    let guard = guard.build_shared(budgets(&reach).admit_when_unreachable());
    let mut model = model(&guard, used(0, 10));
    assert!(ask(&mut model, asking(10)).await.1.is_none());
    flushed(&guard).await;
    reach.set(Way::Broken);
    assert_eq!(refusal(ask(&mut model, asking(41)).await.1).0, TOO_MUCH);
    for _ in 0..4 {
        assert!(ask(&mut model, asking(10)).await.1.is_none());
    }
    assert_eq!(refusal(ask(&mut model, asking(1)).await.1).0, SPENT);
    assert_eq!(guard.flush(Duration::from_secs(1)).await, 1);
    assert_eq!(store.all(), (60, 0));
    reach.set(Way::Open);
    flushed(&guard).await;
    assert_eq!(store.all(), (100, 0));
}

/// The end of a call does not wait for the store, and what it has used is written when the store is back.
#[tokio::test(start_paused = true)]
async fn an_end_does_not_wait() {
    let store = Store::default();
    let reach = store.reach();
    let guard = process(1_000, &reach);
    let script = Script::new().respond().pause(Duration::from_millis(500)).chunk(report(0, 9));
    let mut model = model(&guard, script.complete("stop"));
    let begun = Instant::now();
    let cut = async {
        sleep(Duration::from_millis(200)).await;
        reach.set(Way::Dead);
    };
    let (called, ()) = tokio::join!(ask(&mut model, asking(100)), cut);
    assert!(called.1.is_none() && begun.elapsed() < Duration::from_millis(600));
    assert_eq!(store.all(), (0, 100));
    assert_eq!(guard.key("").unwrap().spent_tokens, 9);
    assert_eq!(guard.flush(Duration::from_secs(1)).await, 1);
    reach.set(Way::Open);
    flushed(&guard).await;
    assert_eq!(store.all(), (9, 0));
}

/// What is stored counts once, although no response says so.
#[tokio::test(start_paused = true)]
async fn a_lost_response_counts_once() {
    let store = Store::default();
    let reach = store.reach();
    let guard = process(1_000, &reach);
    let mut model = model(&guard, used(0, 9));
    for round in 1..=5 {
        reach.set(Way::NoResponse);
        let back = async {
            sleep(Duration::from_millis(90)).await;
            reach.set(Way::Open);
        };
        let (called, ()) = tokio::join!(ask(&mut model, asking(100)), back);
        assert!(called.1.is_none());
        flushed(&guard).await;
        assert_eq!(store.all(), (9 * round, 0));
    }
    // Neither is a reservation left of a call that was refused.
    reach.set(Way::NoResponse);
    assert_eq!(refusal(ask(&mut model, asking(100)).await.1).0, UNREADABLE);
    assert_eq!(store.all().1, 100);
    reach.set(Way::Open);
    flushed(&guard).await;
    assert_eq!(store.all(), (45, 0));
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_account_is_written_again() {
    let store = Store::default();
    let guard = process(100, &store.reach());
    let mut model = model(&guard, used(0, 30));
    assert!(ask(&mut model, asking(30)).await.1.is_none());
    flushed(&guard).await;
    store.forget_all();
    assert!(ask(&mut model, asking(30)).await.1.is_none());
    flushed(&guard).await;
    assert_eq!(store.all(), (60, 0));
}

/// While the store fails, no process can give a sign of life.
#[tokio::test(start_paused = true)]
async fn an_outage_releases_nothing() {
    let store = Store::default();
    let ways = [store.reach(), store.reach()];
    let guards = [process(100, &ways[0]), process(100, &ways[1])];
    let hang = || Script::new().respond().hang();
    let mut first = model(&guards[0], hang());
    let mut second = model(&guards[1], hang());
    let first = tower::Service::call(&mut first, asking(40)).await.unwrap();
    let second = tower::Service::call(&mut second, asking(40)).await.unwrap();
    ways.iter().for_each(|way| way.set(Way::Broken));
    sleep(LEASE * 5).await;
    ways[1].set(Way::Open);
    sleep(LEASE / 2).await;
    assert_eq!(refusal(ask(&mut model(&guards[1], used(0, 1)), asking(30)).await.1).0, TOO_MUCH);
    ways[0].set(Way::Open);
    sleep(LEASE).await;
    assert_eq!(refusal(ask(&mut model(&guards[1], used(0, 1)), asking(30)).await.1).0, TOO_MUCH);
    assert_eq!(store.all(), (0, 80));
    drop((first, second));
}
