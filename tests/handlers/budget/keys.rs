//! Budgets per key and per window.

use std::time::{Duration, UNIX_EPOCH};

use futures::{FutureExt, StreamExt};
use serde_json::json;
use tokio::time::advance;
use tower::{Layer, Service};
use tower_llm_callbacks::{
    CallbackLayer,
    chat::ChatRequest,
    handlers::BudgetGuard,
    testing::{Script, ScriptedModel},
};

use super::{all, ask, asking, layer, model, report, used};

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn call(layer: CallbackLayer, request: ChatRequest) -> bool {
    let mut model = layer.layer(ScriptedModel::new(used(5, 5)));
    ask(&mut model, request).await.1.is_none()
}

fn spent(guard: &BudgetGuard) -> Vec<(String, u64)> {
    let keys = guard.report().keys;
    keys.iter().map(|key| (key.key.to_string(), key.spent_tokens)).collect()
}

#[tokio::test]
async fn each_has_its_own() {
    let guard = BudgetGuard::builder()
        .usage_estimator(support::pieces())
        .tokens(15)
        .per_metadata("user")
        .build();
    for (user, let_in) in [("a", true), ("a", true), ("a", false), ("b", true)] {
        assert_eq!(call(layer(&guard).metadata("user", user), asking(1)).await, let_in, "{user}");
    }
    assert!(guard.key("c").is_none());
    assert!(call(layer(&guard).metadata("user", 7), asking(1)).await);
    assert_eq!(spent(&guard), [("7".into(), 10), ("a".into(), 20), ("b".into(), 10)]);
    // Missing and composite values share one key.
    assert!(call(layer(&guard), asking(1)).await);
    assert!(call(layer(&guard).metadata("user", json!({"a": 1})), asking(1)).await);
    assert!(!call(layer(&guard).metadata("user", json!(null)), asking(1)).await);
    assert_eq!(guard.key("").unwrap().refused_runs, 1);
    assert_eq!(guard.report().refused_runs, 2);
}

#[tokio::test]
async fn by_model_tag_or_anything() {
    let guard =
        BudgetGuard::builder().usage_estimator(support::pieces()).tokens(100).per_model().build();
    call(layer(&guard), ChatRequest::new("m1")).await;
    call(layer(&guard), ChatRequest::new("m2")).await;
    assert_eq!(spent(&guard), [("m1".into(), 10), ("m2".into(), 10)]);

    let guard = BudgetGuard::builder()
        .usage_estimator(support::pieces())
        .tokens(100)
        .per_tag("team:")
        .build();
    call(layer(&guard).tags(["x", "team:a", "team:b"]), asking(1)).await;
    call(layer(&guard).tags(["x"]), asking(1)).await;
    assert_eq!(spent(&guard), [("".into(), 10), ("team:a".into(), 10)]);

    let guard = BudgetGuard::builder()
        .usage_estimator(support::pieces())
        .tokens(15)
        .per(|run, start| {
            (run.name() != "free").then(|| format!("{}-{}", start.provider, run.name()))
        })
        .build();
    for _ in 0..5 {
        assert!(call(layer(&guard).name("free"), asking(1)).await);
    }
    for admitted in [true, true, false] {
        assert_eq!(call(layer(&guard).name("paid"), ChatRequest::new("gpt-5")).await, admitted);
    }
    assert_eq!(spent(&guard), [("openai-paid".into(), 20)]);
}

#[tokio::test]
async fn keys_are_bounded() {
    let guard = BudgetGuard::builder()
        .usage_estimator(support::pieces())
        .tokens(15)
        .per_model()
        .max_keys(2)
        .build();
    for model in ["a", "b"] {
        assert!(call(layer(&guard), ChatRequest::new(model)).await);
    }
    // All other keys share one budget.
    let others = ["c", "d", "e", "c"];
    let mut admitted = Vec::new();
    for model in others {
        admitted.push(call(layer(&guard), ChatRequest::new(model)).await);
    }
    assert_eq!(admitted, [true, true, false, false]);
    assert!(call(layer(&guard), ChatRequest::new("a")).await);
    let report = guard.report();
    assert_eq!(spent(&guard), [("a".into(), 20), ("b".into(), 10)]);
    let rest = report.rest.unwrap();
    assert_eq!((rest.spent_tokens, rest.refused_runs, rest.remaining_tokens), (20, 2, Some(0)));

    let long = "x".repeat(100_000);
    let guard =
        BudgetGuard::builder().usage_estimator(support::pieces()).tokens(15).per_model().build();
    call(layer(&guard), ChatRequest::new(long)).await;
    assert_eq!(spent(&guard), [("x".repeat(256), 10)]);
}

#[tokio::test(start_paused = true)]
async fn windows_renew_budgets() {
    let guard =
        BudgetGuard::builder().usage_estimator(support::pieces()).tokens(15).every(DAY).build();
    let first = guard.report().window_start.unwrap();
    for admitted in [true, true, false] {
        assert_eq!(call(layer(&guard), asking(1)).await, admitted);
    }
    advance(DAY - Duration::from_millis(1)).await;
    assert!(!call(layer(&guard), asking(1)).await);
    advance(Duration::from_millis(1)).await;
    let report = guard.report();
    assert!(report.keys.is_empty());
    assert_eq!(report.window_start, Some(first + DAY));
    assert!(call(layer(&guard), asking(1)).await);
    assert_eq!((all(&guard).spent_tokens, all(&guard).refused_runs), (10, 0));
    assert_eq!(guard.report().refused_runs, 2, "ever");

    let aligned = BudgetGuard::builder()
        .usage_estimator(support::pieces())
        .tokens(15)
        .every_aligned(DAY)
        .build();
    let start = aligned.report().window_start.unwrap().duration_since(UNIX_EPOCH).unwrap();
    assert_eq!(start.as_secs() % DAY.as_secs(), 0);
    assert!(
        BudgetGuard::builder()
            .usage_estimator(support::pieces())
            .tokens(15)
            .build()
            .report()
            .window_start
            .is_none()
    );
}

/// A run is settled in the window in which it started.
#[tokio::test(start_paused = true)]
async fn a_run_over_the_end_of_a_window() {
    let guard =
        BudgetGuard::builder().usage_estimator(support::pieces()).tokens(100).every(DAY).build();
    let script =
        Script::new().respond().text("a").pause(DAY).chunk(report(10, 60)).complete("stop");
    let (_, mut long) = model(&guard, script);
    let mut answer = long.call(asking(80)).await.unwrap();
    answer.next().await.unwrap().unwrap();
    assert!(answer.next().now_or_never().is_none(), "the model pauses from now on");
    let (_, mut short) = model(&guard, used(1, 1));
    assert!(ask(&mut short, asking(21)).await.1.is_some());
    advance(DAY).await;
    // The reservation belongs to yesterday's window.
    assert!(ask(&mut short, asking(100)).await.1.is_none());
    assert_eq!(guard.report().open_runs, 1);
    while answer.next().await.is_some() {}
    assert_eq!((all(&guard).spent_tokens, all(&guard).reserved_tokens), (2, 0));
    assert_eq!(guard.report().open_runs, 0);
    // The same while a run with the same key is open today.
    let (_, mut hanging) = model(&guard, Script::new().respond().hang());
    let yesterday = hanging.call(asking(50)).await.unwrap();
    advance(DAY).await;
    let today = hanging.call(asking(70)).await.unwrap();
    drop(yesterday);
    assert_eq!((all(&guard).spent_tokens, all(&guard).reserved_tokens), (0, 70));
    drop(today);
    assert_eq!(all(&guard).remaining_tokens, Some(100));
}

#[tokio::test]
async fn several_guards_must_all_admit() {
    let (user, all_together) = (
        BudgetGuard::builder()
            .usage_estimator(support::pieces())
            .tokens(15)
            .per_metadata("user")
            .build(),
        BudgetGuard::builder().usage_estimator(support::pieces()).tokens(25).reserve(5).build(),
    );
    let callbacks =
        tower_llm_callbacks::Callbacks::new().inline(all_together.clone()).inline(user.clone());
    let layer = CallbackLayer::new(callbacks).usage_estimator(support::pieces());
    for (name, admitted) in [("a", true), ("a", true), ("a", false), ("b", true), ("c", false)] {
        assert_eq!(call(layer.clone().metadata("user", name), asking(1)).await, admitted);
    }
    // The guard that admitted the refused call has released its reservation.
    assert_eq!((all(&all_together).spent_tokens, all(&all_together).reserved_tokens), (30, 0));
    assert_eq!((user.report().refused_runs, all_together.report().refused_runs), (1, 1));
    assert_eq!(user.key("c").unwrap().remaining_tokens, Some(15));
}
