//! A store that responds.

use std::time::{Duration, UNIX_EPOCH};

use futures::{FutureExt, StreamExt, future::join_all};
use http::StatusCode;
use tokio::time::{advance, sleep};
use tower::{Layer, Service};
use tower_llm_callbacks::{
    Aborted, Callbacks,
    chat::ChatRequest,
    event::Amount,
    handlers::{BudgetGuard, PriceTable},
    testing::{Script, ScriptedModel},
};

use super::{
    super::{SPENT, TOO_MUCH, ask, asking, read, refusal, report, used},
    LEASE, budgets, flushed, layer, model, process,
    store::{Store, Way},
};

#[tokio::test(start_paused = true)]
async fn what_one_process_spends_or_reserves_is_not_the_others() {
    let store = Store::default();
    let (one, two) = (process(100, &store.reach()), process(100, &store.reach()));
    assert!(ask(&mut model(&one, used(30, 30)), asking(50)).await.1.is_none());
    let mut open = model(&two, Script::new().respond().chunk(report(1, 9)).hang());
    let answer = open.call(asking(30)).await.unwrap();
    let (reason, status) = refusal(ask(&mut model(&one, used(1, 1)), asking(20)).await.1);
    assert_eq!((reason.as_str(), status), (TOO_MUCH, StatusCode::TOO_MANY_REQUESTS));
    assert!(ask(&mut model(&one, used(5, 5)), asking(10)).await.1.is_none());
    // The second process has not read it yet.
    assert_eq!(one.key("").unwrap().remaining_tokens, Some(0));
    drop(answer);
    flushed(&two).await;
    assert!(ask(&mut model(&two, used(10, 19)), asking(29)).await.1.is_none());
    flushed(&one).await;
    flushed(&two).await;
    assert_eq!(store.all(), (99, 0));
    assert!(ask(&mut model(&one, used(1, 1)), asking(1)).await.1.is_none());
    flushed(&one).await;
    let (reason, status) = refusal(ask(&mut model(&two, used(1, 1)), asking(1)).await.1);
    assert_eq!((reason.as_str(), status), (SPENT, StatusCode::TOO_MANY_REQUESTS));
    let key = two.key("").unwrap();
    assert_eq!((key.spent_tokens, key.refused_runs, two.report().refused_runs), (101, 1, 1));
    assert_eq!((one.report().open_runs, two.report().open_runs), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn windows_turn_together() {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let store = Store::default();
    let guard = || {
        let guard = BudgetGuard::builder().usage_estimator(support::pieces());
        guard
            .tokens(100)
            .per_metadata("user")
            .every_aligned(DAY)
            .build_shared(budgets(&store.reach()))
    };
    let (one, two) = (guard(), guard());
    let of_ada =
        |guard, script| layer(guard).metadata("user", "a.d a").layer(ScriptedModel::new(script));
    assert!(ask(&mut of_ada(&one, used(0, 100)), asking(60)).await.1.is_none());
    flushed(&one).await;
    let error = ask(&mut of_ada(&two, used(0, 9)), asking(9)).await.1.unwrap();
    let wait = error.downcast::<Aborted>().unwrap().abort().retry_time().unwrap();
    assert!(wait <= DAY);
    let start = two.report().window_start.unwrap().duration_since(UNIX_EPOCH).unwrap();
    assert_eq!(start.as_millis() % DAY.as_millis(), 0);
    assert_eq!(store.names(), [format!("test/{}/key/a.d a", start.as_millis())]);
    // Others are not concerned.
    let mut open = layer(&two).metadata("user", "b").layer(ScriptedModel::new(
        Script::new().respond().chunk(report(0, 40)).text("a").complete("stop"),
    ));
    let answer = open.call(asking(90)).await.unwrap();
    advance(wait + Duration::from_secs(1)).await;
    assert!(ask(&mut of_ada(&two, used(0, 80)), asking(60)).await.1.is_none());
    // A run is settled in the window in which it started.
    flushed(&two).await;
    assert!(read(answer).await.1.is_none());
    flushed(&two).await;
    assert_eq!(store.parts(&format!("test/{}/key/b", start.as_millis())), [(40, 0)]);
    let next = (start + DAY).as_millis();
    assert_eq!(store.parts(&format!("test/{next}/key/a.d a")), [(80, 0)]);
    assert_eq!(store.names().len(), 3);
}

#[tokio::test]
#[should_panic(expected = "use `every_aligned` instead of `every`")]
async fn windows_must_be_aligned() {
    let guard = BudgetGuard::builder().tokens(9).every(Duration::from_secs(9));
    let _ = guard.build_shared(budgets(&Store::default().reach()));
}

#[tokio::test(start_paused = true)]
async fn money_is_exact() {
    let store = Store::default();
    let guard = || {
        // A token costs a millionth of a millionth.
        let prices =
            r#"{"currency": "USD", "models": {"any": {"input": 0.000001, "output": 0.000001}}}"#;
        let prices: PriceTable = prices.parse().unwrap();
        let guard = BudgetGuard::builder().usage_estimator(support::pieces()).prices(prices);
        guard.money(Amount::from_pico(100)).build_shared(budgets(&store.reach()))
    };
    let (one, two) = (guard(), guard());
    for guard in [&one, &two, &one] {
        assert!(ask(&mut model(guard, used(10, 23)), asking(33)).await.1.is_none());
        flushed(guard).await;
    }
    assert!(ask(&mut model(&two, used(1, 1)), asking(2)).await.1.is_some());
    assert_eq!(two.key("").unwrap().remaining, Some(Amount::from_pico(1)));
}

/// 64 starts at once share requests to the store, and no more are admitted than the budget allows.
#[tokio::test(start_paused = true)]
async fn starts_share_requests() {
    let store = Store::default();
    let reach = store.reach();
    reach.set(Way::Slow(Duration::from_millis(10)));
    let guards = [process(1_000, &reach), process(1_000, &reach)];
    let calls = (0..64).map(|call| {
        let script = Script::new().respond().pause(Duration::from_secs(1)).chunk(report(0, 100));
        let mut model = model(&guards[call % 2], script.complete("stop"));
        async move { ask(&mut model, asking(100)).await.1.is_none() }
    });
    let admitted = join_all(calls).await.into_iter().filter(|admitted| *admitted).count();
    assert_eq!(admitted, 10);
    for guard in &guards {
        flushed(guard).await;
    }
    assert_eq!(store.all(), (1_000, 0));
    let (loads, stores) = store.requests();
    assert!(loads + stores < 24, "{loads} loads, {stores} stores");
}

/// Tokens draw on no account in the store, and are limited all the same.
#[tokio::test(start_paused = true)]
async fn tokens_make_no_requests() {
    let store = Store::default();
    let guard = BudgetGuard::builder().usage_estimator(support::pieces()).tokens(1_000);
    let guard = guard.max_run_tokens(40).build_shared(budgets(&store.reach()));
    let script = (0..50).fold(Script::new().respond(), |script, _| script.text("a"));
    let mut model = model(&guard, script.complete("stop"));
    let mut answer = model.call(asking(10)).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    let before = store.requests();
    for token in 1..=40 {
        answer.next().await.unwrap().unwrap();
        assert_eq!(guard.key("").unwrap().reserved_tokens, token.max(10));
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(store.requests(), before);
    let (chunks, error) = read(answer).await;
    assert!(chunks.is_empty(), "{chunks:?}");
    assert_eq!(refusal(error).1, StatusCode::TOO_MANY_REQUESTS);
    flushed(&guard).await;
    assert_eq!(store.all(), (41, 0));
    assert_eq!(guard.report().aborted_runs, 1);
}

/// What others have spent is noticed when the account is read, and aborts the running calls of this process.
#[tokio::test(start_paused = true)]
async fn running_calls_are_aborted_when_nothing_is_left() {
    let store = Store::default();
    let guard = BudgetGuard::builder().usage_estimator(support::pieces()).tokens(100);
    let guard = guard.abort_running().build_shared(budgets(&store.reach()));
    let mut open = model(&guard, Script::new().respond().hang());
    let answer = open.call(asking(10)).await.unwrap();
    assert!(ask(&mut model(&guard, used(0, 100)), asking(50)).await.1.is_none());
    assert_eq!(refusal(read(answer).await.1).0, SPENT);
    assert_eq!(guard.key("").unwrap().aborted_runs, 1);
}

/// A process with open runs gives signs of life; a killed one does not, and its reservation is released, not what it has
/// spent.
#[tokio::test(start_paused = true)]
async fn a_killed_process_loses_its_reservation_after_its_lease() {
    let store = Store::default();
    let reach = store.reach();
    let (killed, other) = (process(100, &reach), process(100, &store.reach()));
    assert!(ask(&mut model(&killed, used(0, 7)), asking(7)).await.1.is_none());
    let mut open = model(&killed, Script::new().respond().hang());
    let answer = open.call(asking(80)).await.unwrap();
    let mut next = model(&other, used(0, 20));
    for _ in 0..10 {
        assert_eq!(refusal(ask(&mut next, asking(20)).await.1).0, TOO_MUCH);
        sleep(LEASE / 2).await;
    }
    reach.set(Way::Dead);
    assert_eq!(refusal(ask(&mut next, asking(20)).await.1).0, TOO_MUCH);
    sleep(LEASE - Duration::from_secs(1)).await;
    assert_eq!(refusal(ask(&mut next, asking(20)).await.1).0, TOO_MUCH);
    sleep(Duration::from_secs(2)).await;
    assert!(ask(&mut next, asking(20)).await.1.is_none());
    flushed(&other).await;
    assert_eq!(store.all(), (27, 0));
    // It was not killed: what it has reserved counts again.
    reach.set(Way::Open);
    sleep(LEASE).await;
    assert_eq!(store.all(), (27, 80));
    drop(answer);
    flushed(&killed).await;
    assert_eq!(store.all(), (27, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_stops_waiting_reserves_nothing() {
    let store = Store::default();
    let reach = store.reach();
    let guard = process(100, &reach);
    reach.set(Way::Slow(Duration::from_millis(100)));
    let mut model = model(&guard, used(0, 9));
    let mut call = model.call(asking(90));
    assert!((&mut call).now_or_never().is_none());
    sleep(Duration::from_millis(150)).await;
    drop(call);
    sleep(Duration::from_secs(5)).await;
    flushed(&guard).await;
    assert_eq!((store.all(), guard.report().open_runs), ((0, 0), 0));
}

/// A typed layer above another: the call counts once.
#[tokio::test(start_paused = true)]
async fn two_runs_of_one_call_count_once() {
    let store = Store::default();
    let guard = process(100, &store.reach());
    let callbacks = Callbacks::new().add(guard.handler());
    let twice = tower_llm_callbacks::CallbackLayer::new(callbacks).layer(model(&guard, used(2, 3)));
    let mut twice = twice;
    let answer = twice.call(ChatRequest::new("any").user("Hi").max_tokens(9)).await.unwrap();
    assert!(read(answer).await.1.is_none());
    flushed(&guard).await;
    assert_eq!(store.all(), (5, 0));
}
