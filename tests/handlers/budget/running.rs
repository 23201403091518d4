//! Open runs when the budget is spent.

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use tower::{Layer, Service};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks,
    chat::ChatRequest,
    handlers::{Amount, BudgetGuard, PriceTable},
    testing::{Script, ScriptedModel},
};

use super::{SPENT, all, ask, asking, layer, model, read, refusal, report, used};

fn texts(count: usize) -> Script {
    (0..count).fold(Script::new().respond(), |script, _| script.text("a"))
}

#[tokio::test]
async fn are_settled_and_not_killed() {
    let guard =
        BudgetGuard::builder().usage_estimator(support::pieces()).tokens(100).reserve(0).build();
    let (_, mut going) = model(&guard, texts(3).chunk(report(10, 500)).complete("stop"));
    let mut answer = going.call(asking(9)).await.unwrap();
    answer.next().await.unwrap().unwrap();
    let (_, mut other) = model(&guard, used(50, 60));
    assert!(ask(&mut other, asking(9)).await.1.is_none());
    assert!(ask(&mut other, asking(9)).await.1.is_some());
    assert!(read(answer).await.1.is_none());
    assert_eq!((all(&guard).spent_tokens, guard.report().aborted_runs), (620, 0));
}

#[tokio::test]
async fn unless_they_are_to_be_aborted() {
    let guard = BudgetGuard::builder()
        .usage_estimator(support::pieces())
        .tokens(100)
        .reserve(10)
        .abort_running()
        .per_metadata("user")
        .build();
    let going = |user: &str| {
        let model = ScriptedModel::new(texts(3).hang());
        let layered = layer(&guard).metadata("user", user).layer(model.clone());
        (model, layered)
    };
    let (mut theirs, mut others) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let ((a, mut of_a), (b, mut of_b)) = (going("a"), going("b"));
        theirs.push((a, of_a.call(asking(9)).await.unwrap()));
        others.push((b, of_b.call(asking(9)).await.unwrap()));
    }
    // The completed run leaves less than the other runs have reserved.
    let mut last = layer(&guard).metadata("user", "a").layer(ScriptedModel::new(used(30, 31)));
    assert!(ask(&mut last, asking(9)).await.1.is_none());
    for (model, answer) in theirs {
        let (chunks, error) = read(answer).await;
        assert_eq!((chunks.len(), refusal(error).0.as_str()), (0, SPENT));
        assert_eq!(model.live(), 0);
    }
    for (model, mut answer) in others {
        assert!(answer.next().await.unwrap().is_ok());
        assert_eq!(model.live(), 1);
    }
    let (a, b) = (guard.key("a").unwrap(), guard.key("b").unwrap());
    assert_eq!((a.aborted_runs, a.spent_tokens, a.reserved_tokens), (5, 61, 0));
    assert_eq!((b.aborted_runs, b.spent_tokens, b.reserved_tokens), (0, 5, 0));
    // Some budget is left again, and the next admitted run can be aborted too, even if it emits no token that
    // exceeds the limit.
    let silent = ScriptedModel::new(Script::new().respond().hang());
    let mut of_a = layer(&guard).metadata("user", "a").layer(silent);
    let answer = of_a.call(asking(9)).await.unwrap();
    let mut last = layer(&guard).metadata("user", "a").layer(ScriptedModel::new(used(30, 31)));
    assert!(ask(&mut last, asking(9)).await.1.is_none());
    assert_eq!(refusal(read(answer).await.1).0, SPENT);
    assert_eq!((guard.report().aborted_runs, guard.report().open_runs), (6, 0));
}

/// A run that exceeds its reservation uses the remaining budget.
#[tokio::test]
async fn a_run_beyond_its_reservation_uses_the_rest() {
    for reserve in [0, 4, 10] {
        let guard = BudgetGuard::builder()
            .usage_estimator(support::pieces())
            .tokens(10)
            .reserve(reserve)
            .abort_running()
            .build();
        let (_, mut model) = model(&guard, texts(50));
        let (chunks, error) = ask(&mut model, asking(9)).await;
        assert_eq!(
            (chunks, refusal(error).0.as_str()),
            (10, SPENT),
            "the budget is used up to the last token"
        );
        let key = all(&guard);
        assert_eq!((key.spent_tokens, key.reserved_tokens, key.aborted_runs), (11, 0, 1));
    }
    // What it draws is nobody else's.
    let guard = BudgetGuard::builder()
        .usage_estimator(support::pieces())
        .tokens(10)
        .reserve(2)
        .abort_running()
        .build();
    let (_, mut going) = model(&guard, texts(7).hang());
    let mut answer = going.call(asking(9)).await.unwrap();
    for tokens in 1..=7 {
        answer.next().await.unwrap().unwrap();
        assert_eq!(all(&guard).reserved_tokens, tokens.max(2));
    }
    let (_, mut other) = model(&guard, texts(2).hang());
    let mut second = other.call(asking(9)).await.unwrap();
    second.next().await.unwrap().unwrap();
    assert!(other.call(asking(9)).await.is_err());
    assert!(answer.next().now_or_never().is_none(), "the first run is not aborted");
    drop((answer, second));
    assert_eq!((all(&guard).spent_tokens, all(&guard).reserved_tokens), (8, 0));
}

#[tokio::test]
async fn money_budgets_abort_open_runs() {
    let prices = r#"{"currency": "USD", "models": {"m": {"input": 1, "output": 10}}}"#;
    let limit = Amount::from_pico(99 * 1_000_000);
    let guard = BudgetGuard::builder()
        .usage_estimator(support::pieces())
        .money(limit)
        .prices(prices.parse::<PriceTable>().unwrap())
        .abort_running()
        .build();
    let (_, mut model) = model(&guard, texts(50));
    let (chunks, error) = ask(&mut model, ChatRequest::new("m")).await;
    assert_eq!((chunks, refusal(error).0.as_str()), (9, "the budget is spent"));
}

/// Two guards abort the same run without a deadlock.
#[tokio::test]
async fn guards_of_one_run() {
    let guards = [1, 2].map(|_| {
        BudgetGuard::builder().usage_estimator(support::pieces()).tokens(5).abort_running().build()
    });
    let [a, b] = guards.clone();
    let layer =
        CallbackLayer::new(Callbacks::new().inline(a).inline(b)).usage_estimator(support::pieces());
    let mut model = layer.layer(ScriptedModel::new(texts(50)));
    assert_eq!(ask(&mut model, ChatRequest::new("m")).await.0, 5);
    let aborted: u64 = guards.iter().map(|guard| guard.report().aborted_runs).sum();
    assert_eq!(aborted, 1, "exactly one guard aborted the run");
    assert!(guards.iter().all(|guard| all(guard).spent_tokens == 6));
}

/// A guard that continues another one knows what was spent, and settles the runs that the other one admitted.
#[tokio::test]
async fn another_limit_continues_the_budget() {
    let tokens =
        |limit| BudgetGuard::builder().usage_estimator(support::pieces()).tokens(limit).reserve(10);
    let guard = tokens(100).build();
    let (_, mut before) = model(&guard, used(10, 20));
    assert!(ask(&mut before, asking(9)).await.1.is_none());
    let (_, mut going) = model(&guard, texts(3).chunk(report(10, 40)).complete("stop"));
    let mut answer = going.call(asking(9)).await.unwrap();
    answer.next().await.unwrap().unwrap();

    let smaller = tokens(45).build_continuing(&guard);
    assert_eq!((all(&smaller).spent_tokens, all(&smaller).remaining_tokens), (30, Some(5)));
    let (_, mut refused) = model(&smaller, used(1, 1));
    assert!(ask(&mut refused, asking(9)).await.1.is_some());
    assert!(read(answer).await.1.is_none());
    let larger = tokens(200).build_continuing(&smaller);
    for guard in [&guard, &smaller, &larger] {
        assert_eq!((all(guard).spent_tokens, all(guard).reserved_tokens), (80, 0));
    }
    let (_, mut admitted) = model(&larger, used(1, 1));
    assert!(ask(&mut admitted, asking(9)).await.1.is_none());
    assert_eq!(all(&guard).spent_tokens, 82);
}

/// What is kept in other units begins anew.
#[tokio::test]
async fn another_period_or_currency_begins_anew() {
    let tokens =
        || BudgetGuard::builder().usage_estimator(support::pieces()).tokens(100).reserve(10);
    let in_currency = |currency: &str| {
        let prices = format!(
            r#"{{"currency": "{currency}", "models": {{"m": {{"input": 1, "output": 10}}}}}}"#
        );
        tokens().prices(prices.parse::<PriceTable>().unwrap())
    };
    let guard = in_currency("USD").build();
    let (_, mut model) = model(&guard, used(10, 20));
    assert!(ask(&mut model, ChatRequest::new("m")).await.1.is_none());
    assert_eq!(all(&in_currency("USD").build_continuing(&guard)).spent_tokens, 30);
    for other in [tokens(), in_currency("EUR"), in_currency("USD").every(Duration::from_secs(60))] {
        assert!(other.build_continuing(&guard).report().keys.is_empty());
    }
}
