//! Limits per run.

use futures::StreamExt;
use http::StatusCode;
use tower::{Layer, Service};
use tower_llm_callbacks::{
    Aborted, CallbackHandler, CallbackLayer, Callbacks, Delta, ErrorKind, EventKind, Registration,
    RunType,
    chat::ChatChunk,
    handlers::{BudgetGuard, PriceTable},
    testing::{Recorder, Script, ScriptedModel, assert_promises},
};

use super::{ask, asking, model, read, refusal, used};

fn texts(count: usize) -> Script {
    (0..count).fold(Script::new().respond(), |script, _| script.text("a "))
}

const PASSED: &str = "the answer exceeds the token limit of a call";

#[tokio::test]
async fn the_consumer_receives_exactly_the_limit() {
    for limit in [0, 1, 3, 5] {
        let guard =
            BudgetGuard::builder().usage_estimator(support::pieces()).max_run_tokens(limit).build();
        let recorder = Recorder::new();
        let callbacks = Callbacks::new().inline(guard.clone()).inline(recorder.clone());
        let scripted = ScriptedModel::new(texts(6).complete("stop"));
        let mut model = CallbackLayer::new(callbacks)
            .usage_estimator(support::pieces())
            .layer(scripted.clone());
        let (chunks, error) = read(model.call(asking(9)).await.unwrap()).await;
        assert_eq!(chunks.len() as u64, limit, "the token that exceeds the limit is withheld");
        assert_eq!(refusal(error), (PASSED.to_owned(), StatusCode::TOO_MANY_REQUESTS));
        assert_eq!(scripted.live(), 0, "the upstream is dropped");
        assert_promises(&recorder.events());
        let terminal = &recorder.terminals()[0];
        assert_eq!(terminal.error().unwrap().kind(), ErrorKind::Aborted);
        assert_eq!(terminal.result().unwrap().tokens, limit + 1);
        let report = guard.report();
        assert_eq!((report.aborted_runs, report.refused_runs, report.open_runs), (1, 0, 0));
        assert!(report.keys.is_empty(), "no budget is configured");
    }
    // As many as there are.
    let guard = BudgetGuard::builder().usage_estimator(support::pieces()).max_run_tokens(6).build();
    let (_, mut model) = model(&guard, texts(6).complete("stop"));
    assert!(ask(&mut model, asking(9)).await.1.is_none());
    assert_eq!(guard.report().aborted_runs, 0);
}

#[tokio::test]
async fn all_token_kinds_count() {
    let tool = |arguments: &'static str| Delta::ToolCall {
        choice: 0,
        index: 0,
        id: Some("1".into()),
        name: Some("look".into()),
        arguments: arguments.into(),
    };
    let script = Script::new()
        .respond()
        .chunk(Delta::Reasoning { choice: 0, text: "hm".into() })
        .chunk(Delta::Refusal { choice: 1, text: "no".into() })
        .chunk(tool("{"))
        .chunk(tool("}"));
    // The call of a tool is some tokens of its own.
    for (limit, passed) in [(0, 0), (1, 1), (2, 2)] {
        let guard = BudgetGuard::builder().max_run_tokens(limit).build();
        let (_, mut model) = model(&guard, script.clone().complete("stop"));
        let (chunks, error) = ask(&mut model, asking(9)).await;
        assert_eq!((chunks, refusal(error).0.as_str()), (passed, PASSED));
    }
}

#[tokio::test]
async fn a_lockstep_guard_is_as_exact() {
    let guard = BudgetGuard::builder().usage_estimator(support::pieces()).max_run_tokens(2).build();
    let handler = Registration::blocking(guard.clone()).lockstep();
    let mut model = CallbackLayer::new(Callbacks::new().add(handler))
        .usage_estimator(support::pieces())
        .layer(ScriptedModel::new(texts(6).complete("stop")));
    let (chunks, error) = read(model.call(asking(9)).await.unwrap()).await;
    assert_eq!((chunks.len(), refusal(error).0.as_str()), (2, PASSED));
}

#[tokio::test]
async fn what_was_seen_is_settled() {
    let guard = BudgetGuard::builder()
        .usage_estimator(support::pieces())
        .tokens(1_000)
        .max_run_tokens(4)
        .build();
    let (_, mut model) = model(&guard, texts(9));
    ask(&mut model, asking(500)).await;
    let key = super::all(&guard);
    assert_eq!((key.spent_tokens, key.reserved_tokens, key.aborted_runs), (5, 0, 1));
}

#[tokio::test]
async fn each_run_counts_for_itself() {
    let guard = BudgetGuard::builder().usage_estimator(support::pieces()).max_run_tokens(4).build();
    let (_, mut model) = model(&guard, texts(4).complete("stop"));
    let mut answers = Vec::new();
    for _ in 0..10 {
        answers.push(model.call(asking(9)).await.unwrap());
    }
    for _ in 0..6 {
        for answer in &mut answers {
            assert!(answer.next().await.unwrap().is_ok());
        }
    }
    assert_eq!((guard.report().aborted_runs, guard.report().open_runs), (0, 0));
}

#[test]
fn tokens_are_masked_without_a_limit() {
    let receives_tokens = |guard: BudgetGuard| guard.event_mask().wants(EventKind::LlmNewToken);
    let prices = || {
        r#"{"currency": "USD", "models": {"m": {"input": 1, "output": 1}}}"#.parse::<PriceTable>().unwrap()
    };
    assert!(receives_tokens(
        BudgetGuard::builder().usage_estimator(support::pieces()).tokens(5).build()
    ));
    assert!(
        !receives_tokens(
            BudgetGuard::builder().usage_estimator(support::pieces()).abort_running().build()
        ),
        "there is no budget"
    );
    assert!(receives_tokens(
        BudgetGuard::builder().usage_estimator(support::pieces()).max_run_tokens(5).build()
    ));
    assert!(receives_tokens(
        BudgetGuard::builder()
            .usage_estimator(support::pieces())
            .max_run_cost("1".parse().unwrap())
            .prices(prices())
            .build()
    ));
    assert!(receives_tokens(
        BudgetGuard::builder().usage_estimator(support::pieces()).tokens(5).abort_running().build()
    ));
    assert!(!BudgetGuard::new().event_mask().wants(EventKind::RunStart(RunType::Tool)));
}

/// The guard aborts the outer run, even if the inner run exceeds the limit first.
#[tokio::test]
async fn the_outer_of_two_runs() {
    let guard = BudgetGuard::builder()
        .usage_estimator(support::pieces())
        .tokens(100)
        .max_run_tokens(2)
        .build();
    let layer = super::layer(&guard);
    let mut model = layer.layer(layer.layer(ScriptedModel::new(texts(5).complete("stop"))));
    let (chunks, error) = read(model.call(asking(9)).await.unwrap()).await;
    let chunks: Vec<&ChatChunk> = chunks.iter().collect();
    assert_eq!(chunks.len(), 2);
    assert!(error.unwrap().is::<Aborted>());
    let key = super::all(&guard);
    assert_eq!((key.spent_tokens, key.reserved_tokens, key.aborted_runs), (3, 0, 1));

    // The call is admitted and settled once.
    let mut model = layer.layer(layer.layer(ScriptedModel::new(used(10, 5))));
    read(model.call(asking(9)).await.unwrap()).await;
    assert_eq!((super::all(&guard).spent_tokens, guard.report().open_runs), (18, 0));
}
