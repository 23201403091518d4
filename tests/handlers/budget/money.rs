//! Budgets of money.

use http::StatusCode;
use tower_llm_callbacks::{
    Delta, Usage,
    chat::ChatRequest,
    handlers::{Amount, BudgetGuard, BudgetGuardBuilder, PriceTable},
    testing::Script,
};

use super::{all, ask, model, refusal, report};

fn prices() -> PriceTable {
    // An input token costs 1 millionth, an output token 10.
    r#"{"currency": "USD", "models": {
        "m": {"input": 1, "output": 10, "cache_read": 0.1, "reasoning": 20},
        "cheap": {"input": 0, "output": 1}
    }}"#
    .parse()
    .unwrap()
}

/// An amount in millionths.
fn micro(count: u64) -> Amount {
    Amount::from_pico(u128::from(count) * 1_000_000)
}

fn builder(limit: u64) -> BudgetGuardBuilder {
    BudgetGuard::builder().usage_estimator(support::pieces()).money(micro(limit)).prices(prices())
}

fn guard(limit: u64) -> BudgetGuard {
    builder(limit).build()
}

fn asking(model: &str, max_tokens: u32) -> ChatRequest {
    ChatRequest::new(model).max_tokens(max_tokens)
}

#[tokio::test]
async fn reservations_use_the_output_price_and_settling_is_exact() {
    let guard = guard(1_000);
    let usage = Usage::new(100, 20).cached(50, 0).reasoning(5);
    let script = Script::new().respond().chunk(Delta::Usage { usage, raw: None });
    let (scripted, mut model) = model(&guard, script.complete("stop"));
    assert_eq!(
        refusal(ask(&mut model, asking("m", 101)).await.1),
        ("the call may cost more than the whole budget".to_owned(), StatusCode::TOO_MANY_REQUESTS)
    );
    assert!(ask(&mut model, asking("m", 100)).await.1.is_none());
    // 50 × 1 + 50 × 0.1 + 15 × 10 + 5 × 20
    assert_eq!((all(&guard).spent, all(&guard).remaining), (micro(305), Some(micro(695))));
    assert_eq!((all(&guard).spent_tokens, all(&guard).remaining_tokens), (120, None));
    assert_eq!(all(&guard).reserved, Amount::ZERO);
    let left = refusal(ask(&mut model, asking("m", 70)).await.1).0;
    assert_eq!(left, "the call may cost more than the budget has left");
    for _ in 0..3 {
        assert!(ask(&mut model, asking("m", 1)).await.1.is_none());
    }
    assert_eq!(all(&guard).remaining, Some(Amount::ZERO));
    assert_eq!(refusal(ask(&mut model, asking("m", 0)).await.1).0, "the budget is spent");
    assert_eq!(scripted.calls(), 4);
}

#[tokio::test]
async fn open_runs_reserve_money() {
    let guard = guard(1_000);
    let (_, mut model) = model(&guard, Script::new().respond().text("a").text("b").hang());
    use tower::Service;
    let mut answer = model.call(asking("m", 60)).await.unwrap();
    assert_eq!((all(&guard).reserved, all(&guard).reserved_tokens), (micro(600), 0));
    assert!(ask(&mut model, asking("m", 41)).await.1.is_some());
    futures::StreamExt::next(&mut answer).await.unwrap().unwrap();
    drop(answer);
    assert_eq!((all(&guard).spent, all(&guard).reserved), (micro(10), Amount::ZERO));
}

#[tokio::test]
async fn both_limits() {
    let guard = builder(1_000).tokens(50).build();
    let (_, mut model) = super::model(&guard, super::used(10, 10));
    assert_eq!(refusal(ask(&mut model, asking("m", 51)).await.1).0, super::NEVER_FITS);
    assert!(ask(&mut model, asking("m", 50)).await.1.is_none());
    assert_eq!((all(&guard).spent_tokens, all(&guard).spent), (20, micro(110)));
    assert_eq!((all(&guard).remaining_tokens, all(&guard).remaining), (Some(30), Some(micro(890))));
}

#[tokio::test]
async fn a_model_without_a_price_is_refused() {
    let guard_ = guard(1_000);
    let (scripted, mut model) = model(&guard_, super::used(10, 10));
    assert_eq!(
        refusal(ask(&mut model, asking("who?", 1)).await.1),
        ("the model has no price, which the budget requires".to_owned(), StatusCode::BAD_REQUEST)
    );
    assert_eq!((scripted.calls(), guard_.report().refused_runs), (0, 1));
    // Also where no price is known of any.
    let none = BudgetGuard::builder().usage_estimator(support::pieces()).money(micro(5)).build();
    let (_, mut model) = super::model(&none, super::used(1, 1));
    assert!(ask(&mut model, asking("m", 1)).await.1.is_some());
    let none =
        BudgetGuard::builder().usage_estimator(support::pieces()).max_run_cost(micro(5)).build();
    let (_, mut model) = super::model(&none, super::used(1, 1));
    assert!(ask(&mut model, asking("m", 1)).await.1.is_some());

    let guard = builder(1_000).allow_unpriced().build();
    let (_, mut model) = super::model(&guard, super::used(10, 10));
    assert!(ask(&mut model, asking("who?", 1)).await.1.is_none());
    let report = guard.report();
    assert_eq!((report.unpriced_runs, &*report.unpriced_models[0]), (1, "who?"));
    assert_eq!((all(&guard).spent, all(&guard).spent_tokens), (Amount::ZERO, 20));
    // Tokens alone need no price.
    let tokens = BudgetGuard::builder()
        .usage_estimator(support::pieces())
        .tokens(100)
        .prices(prices())
        .build();
    let (_, mut model) = super::model(&tokens, super::used(10, 10));
    assert!(ask(&mut model, asking("who?", 1)).await.1.is_none());
}

#[tokio::test]
async fn the_response_models_price_applies() {
    let guard = guard(1_000);
    let answered = |model: &'static str| {
        let model = Delta::Response { id: None, model: Some(model.into()) };
        Script::new().respond().chunk(model).chunk(report(10, 10)).complete("stop")
    };
    for (model, spent) in [("cheap", 10), ("m", 120), ("who?", 230)] {
        let (_, mut model) = super::model(&guard, answered(model));
        assert!(ask(&mut model, asking("m", 1)).await.1.is_none());
        assert_eq!(all(&guard).spent, micro(spent));
    }
    assert_eq!(guard.report().unpriced_runs, 0);
}

#[tokio::test]
async fn a_cost_limit_per_run() {
    let texts = |count| (0..count).fold(Script::new().respond(), |script, _| script.text("a"));
    // 39 millionths buy 3 tokens of `m`, or 39 of `cheap`.
    for (name, limit) in [("m", 3), ("cheap", 39)] {
        let guard = BudgetGuard::builder()
            .usage_estimator(support::pieces())
            .prices(prices())
            .max_run_cost(micro(39))
            .build();
        let (_, mut model) = model(&guard, texts(50));
        let (chunks, error) = ask(&mut model, asking(name, 1)).await;
        assert_eq!(chunks, limit);
        assert_eq!(refusal(error).0, "the answer exceeds the cost limit of a call");
        // Fewer pieces, whichever is less.
        let guard = BudgetGuard::builder()
            .usage_estimator(support::pieces())
            .prices(prices())
            .max_run_cost(micro(39))
            .max_run_tokens(5)
            .build();
        let (_, mut model) = super::model(&guard, texts(50));
        assert_eq!(ask(&mut model, asking(name, 1)).await.0, limit.min(5));
    }
    let guard = BudgetGuard::builder()
        .usage_estimator(support::pieces())
        .prices(prices())
        .max_run_cost(micro(39))
        .max_run_tokens(5)
        .allow_unpriced()
        .build();
    let (_, mut model) = model(&guard, texts(50));
    assert_eq!(ask(&mut model, asking("who?", 1)).await.0, 5);
}
