//! What a run spends, however it ends.

use futures::{FutureExt, StreamExt};
use http::StatusCode;
use support::panic_of;
use tower::Layer;
use tower::Service;
use tower_llm_callbacks::{
    Abort, CallbackLayer, Callbacks, Delta, ProviderError,
    chat::ChatRequest,
    handlers::{BudgetGuard, BudgetGuardBuilder},
    on_llm_start,
    testing::{Script, ScriptedModel},
};

use super::{NEVER_FITS, SPENT, TOO_MUCH, all, ask, asking, model, refusal, report, used};

/// A budget of 1,000 tokens. Each run reserves 100.
fn guard() -> BudgetGuard {
    BudgetGuard::builder().usage_estimator(support::pieces()).tokens(1_000).reserve(100).build()
}

/// The tokens spent by one call.
async fn spent(script: Script) -> u64 {
    let guard = guard();
    let (_, mut model) = model(&guard, script);
    ask(&mut model, asking(7)).await;
    settled(&guard)
}

#[track_caller]
fn settled(guard: &BudgetGuard) -> u64 {
    let key = all(guard);
    assert_eq!((key.reserved_tokens, guard.report().open_runs), (0, 0));
    assert_eq!(key.remaining_tokens, Some(1_000_u64.saturating_sub(key.spent_tokens)));
    key.spent_tokens
}

#[tokio::test]
async fn each_terminal_settles_usage() {
    let begun = || Script::new().respond().chunk(report(10, 1)).text("a").text("b").text("c");
    let overloaded = || ProviderError::new("Overloaded");
    assert_eq!(spent(used(30, 12)).await, 42);
    assert_eq!(spent(Script::answer(["a", "b"])).await, 2);
    assert_eq!(spent(begun()).await, 13, "truncated");
    assert_eq!(spent(begun().fail("reset")).await, 13);
    assert_eq!(spent(begun().provider_error(overloaded())).await, 13);
    assert_eq!(spent(Script::new().fail("refused").respond()).await, 0);
    assert_eq!(spent(Script::new().provider_error(overloaded()).respond()).await, 0);
    let whole = Script::new().respond().chunk(Delta::NotStreamed).text("a").chunk(report(5, 6));
    assert_eq!(spent(whole.complete("stop")).await, 11);
}

#[tokio::test]
async fn cancelled_aborted_and_panicked_runs_are_settled() {
    let begun = || Script::new().respond().chunk(report(10, 1)).text("a").text("b").hang();
    for items in 0..=3 {
        let guard = guard();
        let (_, mut model) = model(&guard, begun());
        let mut answer = model.call(asking(7)).await.unwrap();
        for _ in 0..items {
            answer.next().await.unwrap().unwrap();
        }
        assert_eq!(all(&guard).reserved_tokens, 100);
        assert_eq!(all(&guard).remaining_tokens, Some(900));
        drop(answer);
        assert_eq!(settled(&guard), [0, 11, 11, 12][items]);
    }
    // Before the response, polled or not.
    for polled in [false, true] {
        let guard = guard();
        let (_, mut model) = model(&guard, Script::new().hang().respond());
        let mut call = model.call(asking(7));
        assert!(!polled || (&mut call).now_or_never().is_none());
        drop(call);
        assert_eq!(settled(&guard), 0);
    }
    // By another handler that runs before or after the guard.
    for first in [false, true] {
        let guard = guard();
        let abort = on_llm_start(|run, _| {
            run.abort(Abort::new("no"));
        });
        let callbacks = Callbacks::new();
        let callbacks = if first {
            callbacks.inline(abort).inline(guard.clone())
        } else {
            callbacks.inline(guard.clone()).inline(abort)
        };
        let scripted = ScriptedModel::new(used(1, 1));
        let mut model = CallbackLayer::new(callbacks)
            .usage_estimator(support::pieces())
            .layer(scripted.clone());
        assert_eq!(refusal(ask(&mut model, asking(7)).await.1).0, "no");
        assert_eq!((settled(&guard), scripted.calls()), (0, 0));
        assert_eq!((guard.report().refused_runs, guard.report().aborted_runs), (0, 0));
    }
    support::quiet_panics();
    let guard = guard();
    let (_, mut model) = model(&guard, begun_and(Script::panic));
    let mut answer = model.call(asking(7)).await.unwrap();
    drop(panic_of(|| while answer.next().now_or_never().is_some() {}));
    drop(answer);
    assert_eq!(settled(&guard), 12);
}

fn begun_and(then: impl FnOnce(Script) -> Script) -> Script {
    then(Script::new().respond().chunk(report(10, 1)).text("a").text("b"))
}

#[tokio::test]
async fn a_spent_budget_lets_nobody_in() {
    let guard = BudgetGuard::builder().usage_estimator(support::pieces()).tokens(100).build();
    let (scripted, mut model) = model(&guard, used(30, 30));
    // The request has no token limit, so no tokens are reserved.
    let request = || ChatRequest::new("any").user("Hi");
    for calls in 1..=2 {
        assert!(ask(&mut model, request()).await.1.is_none());
        assert_eq!(scripted.calls(), calls);
    }
    assert_eq!((all(&guard).spent_tokens, all(&guard).remaining_tokens), (120, Some(0)));
    for refused in 1..=3 {
        let error = ask(&mut model, request()).await.1;
        assert_eq!(refusal(error), (SPENT.to_owned(), StatusCode::TOO_MANY_REQUESTS));
        assert_eq!(scripted.calls(), 2, "the model is not called");
        let report = guard.report();
        assert_eq!((report.refused_runs, report.aborted_runs, report.open_runs), (refused, 0, 0));
        assert_eq!(all(&guard).refused_runs, refused);
    }
    assert_eq!(all(&guard).spent_tokens, 120);
}

#[tokio::test]
async fn exactly_spent() {
    let guard = BudgetGuard::builder().usage_estimator(support::pieces()).tokens(60).build();
    let (_, mut model) = model(&guard, used(30, 30));
    assert!(ask(&mut model, ChatRequest::new("any")).await.1.is_none());
    assert_eq!(refusal(ask(&mut model, ChatRequest::new("any")).await.1).0, SPENT);

    let empty = BudgetGuard::builder().usage_estimator(support::pieces()).tokens(0).build();
    let (_, mut model) = super::model(&empty, used(1, 1));
    assert_eq!(refusal(ask(&mut model, ChatRequest::new("any")).await.1).0, SPENT);
}

#[tokio::test]
async fn what_does_not_cover_the_reservation() {
    let guard = BudgetGuard::builder().usage_estimator(support::pieces()).tokens(100).build();
    let (scripted, mut model) = model(&guard, used(10, 30));
    assert!(ask(&mut model, asking(100)).await.1.is_none());
    // 60 tokens are left.
    let error = ask(&mut model, asking(61)).await.1;
    assert_eq!(refusal(error), (TOO_MUCH.to_owned(), StatusCode::TOO_MANY_REQUESTS));
    assert!(ask(&mut model, asking(60)).await.1.is_none());
    assert_eq!((scripted.calls(), all(&guard).spent_tokens), (2, 80));
    // The largest numbers do not overflow.
    assert_eq!(refusal(ask(&mut model, asking(u32::MAX)).await.1).0, NEVER_FITS);
    let huge = BudgetGuard::builder()
        .usage_estimator(support::pieces())
        .tokens(u64::MAX)
        .reserve(u64::MAX)
        .build();
    let (_, mut model) = super::model(&huge, used(u64::MAX, u64::MAX));
    assert!(ask(&mut model, asking(1)).await.1.is_none());
    assert_eq!((all(&huge).spent_tokens, all(&huge).remaining_tokens), (u64::MAX, Some(0)));
}

#[tokio::test]
async fn what_is_reserved() {
    let reserved = async |guard: BudgetGuardBuilder, request: ChatRequest| {
        let guard = guard.build();
        let (_, mut model) = model(&guard, Script::new().respond().hang());
        let answer = model.call(request).await.unwrap();
        let reserved = all(&guard).reserved_tokens;
        drop(answer);
        assert_eq!(all(&guard).reserved_tokens, 0);
        reserved
    };
    let limited = || BudgetGuard::builder().usage_estimator(support::pieces()).tokens(1_000_000);
    let with = |name: &str, value: serde_json::Value| ChatRequest::new("any").param(name, value);
    assert_eq!(reserved(limited(), ChatRequest::new("any")).await, 0);
    assert_eq!(reserved(limited(), asking(25)).await, 25);
    for name in ["max_tokens", "max_completion_tokens", "max_output_tokens"] {
        assert_eq!(reserved(limited(), with(name, 26.into())).await, 26);
    }
    let gemini = serde_json::json!({"maxOutputTokens": 27, "candidateCount": 2});
    assert_eq!(reserved(limited(), with("generationConfig", gemini)).await, 54);
    let ollama = serde_json::json!({"num_predict": 28});
    assert_eq!(reserved(limited(), with("options", ollama)).await, 28);
    assert_eq!(reserved(limited(), asking(25).param("n", 3)).await, 75);
    assert_eq!(reserved(limited(), asking(25).param("max_completion_tokens", 9)).await, 25);
    for odd in [serde_json::json!("9"), (-9).into(), (-9.5).into(), serde_json::json!([9])] {
        assert_eq!(reserved(limited(), with("max_tokens", odd)).await, 0);
    }
    assert_eq!(reserved(limited().reserve(40), asking(25)).await, 40);
    let estimate = |_: &_, start: &tower_llm_callbacks::LlmStart| start.params.len() as u64;
    assert_eq!(reserved(limited().reserve_with(estimate), asking(25)).await, 1);
}
