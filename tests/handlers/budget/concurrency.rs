//! Concurrent calls.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::StreamExt;
use proptest::prelude::*;
use support::on_each_runtime;
use tokio::{sync::Barrier, task::JoinSet};
use tower::{Layer, Service};
use tower_llm_callbacks::{
    Delta,
    handlers::BudgetGuard,
    testing::{Script, ScriptedModel},
};

use super::{
    all, ask, asking, layer, model, read, report,
    shared::{
        budgets, layer as shared_layer,
        store::{Store, next},
    },
    used,
};

/// 64 calls start at the same moment: exactly as many are admitted as the budget allows.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_more_calls_are_admitted_than_the_budget_allows() {
    for round in 0..20 {
        // Each takes what it has reserved: ten of 64 fit.
        let guard = BudgetGuard::builder()
            .usage_estimator(support::pieces())
            .tokens(1_000)
            .per_metadata("user")
            .build();
        let barrier = Arc::new(Barrier::new(64));
        let (used_up, mut calls) = (Arc::new(AtomicU64::new(0)), JoinSet::new());
        for _ in 0..64 {
            let (barrier, used_up) = (Arc::clone(&barrier), Arc::clone(&used_up));
            let script = Script::new().respond().yields().chunk(report(0, 100)).complete("stop");
            let mut model = layer(&guard).layer(ScriptedModel::new(script));
            calls.spawn(async move {
                barrier.wait().await;
                let admitted = ask(&mut model, asking(100)).await.1.is_none();
                if admitted {
                    used_up.fetch_add(100, Ordering::SeqCst);
                }
                admitted
            });
        }
        let admitted = calls.join_all().await.into_iter().filter(|admitted| *admitted).count();
        assert_eq!((admitted, used_up.load(Ordering::SeqCst)), (10, 1_000), "round {round}");
        let key = all(&guard);
        assert_eq!((key.spent_tokens, key.reserved_tokens, key.refused_runs), (1_000, 0, 54));
        assert_eq!((guard.report().open_runs, key.remaining_tokens), (0, Some(0)));
    }
}

/// Runs use more than they reserve: the limit is exceeded by at most the difference.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_limit_is_exceeded_by_unreserved_usage_only() {
    for reserve in [0, 10, 60] {
        let guard = BudgetGuard::builder()
            .usage_estimator(support::pieces())
            .tokens(1_000)
            .reserve(reserve)
            .build();
        let (used_up, mut calls) = (Arc::new(AtomicU64::new(0)), JoinSet::new());
        for call in 0..64_u64 {
            let used_up = Arc::clone(&used_up);
            let used = 20 + call;
            let script = Script::new().respond().yields().chunk(report(used, 0)).complete("stop");
            let mut model = layer(&guard).layer(ScriptedModel::new(script));
            calls.spawn(async move {
                let admitted = ask(&mut model, asking(1)).await.1.is_none();
                if admitted {
                    used_up.fetch_add(used, Ordering::SeqCst);
                }
                (admitted, used)
            });
        }
        let calls = calls.join_all().await;
        let beyond: u64 = calls
            .iter()
            .filter(|(admitted, _)| *admitted)
            .map(|(_, used)| used.saturating_sub(reserve))
            .sum();
        let used_up = used_up.load(Ordering::SeqCst);
        assert!(used_up <= 1_000 + beyond, "{used_up}, {beyond}");
        let key = all(&guard);
        assert_eq!((key.spent_tokens, key.reserved_tokens), (used_up, 0));
        let admitted = calls.iter().filter(|(admitted, _)| *admitted).count() as u64;
        assert_eq!(admitted + key.refused_runs, 64);
    }
}

/// Runs with several keys end in every way, on every thread: in the end no reservation is left, and each key
/// has spent exactly what its runs used.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_or_settled_twice() {
    support::quiet_panics();
    let guard = BudgetGuard::builder()
        .usage_estimator(support::pieces())
        .tokens(u64::MAX)
        .per_metadata("user")
        .max_run_tokens(6)
        .build();
    let mut calls = JoinSet::new();
    for call in 0..1_000_u64 {
        let layer = layer(&guard).metadata("user", call % 4);
        calls.spawn(async move {
            let begun = Script::new().respond().chunk(report(10, 1)).text("a").yields().text("b");
            // The rest of the script, and the tokens spent.
            let (script, spent) = match call % 7 {
                0 => (begun.chunk(report(20, 30)).complete("stop"), 50),
                1 => (begun.fail("reset"), 12),
                2 => (begun, 12),
                3 => (begun.panic(), 12),
                4 => (begun.hang(), 12),
                5 => ((0..9).fold(begun, |script, _| script.text("c")), 17),
                _ => (Script::new().fail("refused").respond(), 0),
            };
            let mut model = layer.layer(ScriptedModel::new(script));
            let task = tokio::spawn(async move {
                let Ok(mut answer) = model.call(asking(500)).await else { return };
                let mut items = 0;
                while let Some(Ok(_)) = answer.next().await {
                    items += 1;
                    if items == 3 && call % 7 == 4 {
                        // Dropped on another thread.
                        tokio::task::spawn_blocking(move || drop(answer)).await.unwrap();
                        return;
                    }
                }
            });
            let _panicked = task.await;
            (call % 4, spent)
        });
    }
    let mut spent = [0; 4];
    for (key, tokens) in calls.join_all().await {
        spent[key as usize] += tokens;
    }
    assert_eq!(guard.report().open_runs, 0);
    for (key, tokens) in spent.into_iter().enumerate() {
        let budget = guard.key(&key.to_string()).unwrap();
        assert_eq!((budget.spent_tokens, budget.reserved_tokens), (tokens, 0), "{key}");
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// A call with this key starts and may use up to `max_tokens`.
    Starts {
        key: u8,
        max_tokens: u32,
    },
    /// One of the open calls completes, having used `used` tokens.
    Completes {
        which: usize,
        used: u64,
    },
    /// One of the open calls is dropped.
    Drops {
        which: usize,
    },
    Passes {
        hours: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3_u8, 0..60_u32).prop_map(|(key, max_tokens)| Step::Starts { key, max_tokens }),
        2 => (any::<usize>(), 0..90_u64).prop_map(|(which, used)| Step::Completes { which, used }),
        1 => any::<usize>().prop_map(|which| Step::Drops { which }),
        1 => (0..20_u64).prop_map(|hours| Step::Passes { hours }),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any sequence of steps: the guard agrees with a simple model.
    #[test]
    fn accounts_match_a_simple_model(steps in steps()) {
        const LIMIT: u64 = 100;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let day = Duration::from_secs(24 * 3600);
            let guard = BudgetGuard::builder().usage_estimator(support::pieces()).tokens(LIMIT).per_metadata("user").every(day).build();
            let (mut hours, mut going) = (0_u64, Vec::new());
            // Spent and reserved tokens of this window.
            let mut accounts = std::collections::BTreeMap::<u8, (u64, u64)>::new();
            for step in steps {
                match step {
                    Step::Starts { key, max_tokens } => {
                        let reserve = u64::from(max_tokens);
                        let account = accounts.entry(key).or_default();
                        let fits = account.0 + account.1 < LIMIT && account.0 + account.1 + reserve <= LIMIT;
                        let (chunks, from) = futures::channel::mpsc::unbounded();
                        let from = Arc::new(std::sync::Mutex::new(Some(from)));
                        let inner = tower::service_fn(move |_: tower_llm_callbacks::chat::ChatRequest| {
                            let stream = from.lock().unwrap().take().unwrap();
                            async move { Ok::<_, tower::BoxError>(stream.map(Ok::<_, tower::BoxError>)) }
                        });
                        let mut model = layer(&guard).metadata("user", key).layer(inner);
                        let answer = model.call(asking(max_tokens)).await;
                        assert_eq!(answer.is_ok(), fits);
                        if let Ok(answer) = answer {
                            account.1 += reserve;
                            going.push((key, hours / 24, reserve, chunks, answer));
                        }
                    }
                    Step::Completes { which, used } if !going.is_empty() => {
                        let (key, window, reserve, chunks, mut answer) = going.swap_remove(which % going.len());
                        chunks.unbounded_send(report(used, 0)).unwrap();
                        chunks.unbounded_send(tower_llm_callbacks::Delta::Done).unwrap();
                        drop(chunks);
                        while answer.next().await.is_some() {}
                        if window == hours / 24 {
                            let account = accounts.get_mut(&key).unwrap();
                            *account = (account.0 + used, account.1 - reserve);
                        }
                    }
                    Step::Drops { which } if !going.is_empty() => {
                        let (key, window, reserve, ..) = going.swap_remove(which % going.len());
                        if window == hours / 24 {
                            accounts.get_mut(&key).unwrap().1 -= reserve;
                        }
                    }
                    Step::Passes { hours: more } => {
                        tokio::time::advance(Duration::from_secs(more * 3600)).await;
                        if (hours + more) / 24 != hours / 24 {
                            accounts.clear();
                        }
                        hours += more;
                    }
                    _ => {}
                }
                assert_eq!(guard.report().open_runs, going.len());
                for key in 0..3_u8 {
                    let (spent, reserved) = accounts.get(&key).copied().unwrap_or_default();
                    let budget = guard.key(&key.to_string());
                    assert_eq!(budget.is_some(), accounts.contains_key(&key));
                    let Some(budget) = budget else { continue };
                    assert_eq!((budget.spent_tokens, budget.reserved_tokens), (spent, reserved));
                    assert_eq!(budget.remaining_tokens, Some(LIMIT.saturating_sub(spent + reserved)));
                }
            }
        });
    }
}

#[tokio::test]
async fn clones_share() {
    let guard = BudgetGuard::builder().usage_estimator(support::pieces()).tokens(25).build();
    let callbacks = tower_llm_callbacks::Callbacks::new();
    let callbacks = callbacks.inline(guard.clone()).inline(guard.clone());
    assert_eq!(callbacks.len(), 1);
    let (_, mut model) = model(&guard, used(10, 10));
    ask(&mut model, asking(1)).await;
    assert_eq!(all(&guard.clone()).remaining_tokens, Some(5));
    let report = serde_json::json!(guard.report());
    assert_eq!(report["keys"][0]["remaining_tokens"], 5);
    assert_eq!(
        (&report["window_start"], &report["rest"]),
        (&serde_json::Value::Null, &serde_json::Value::Null)
    );
    assert!(format!("{guard:?}").starts_with("BudgetGuard"));
}

/// Concurrent calls of random lengths: each consumer receives what its run may use, and no more, from a guard of one
/// process and from one that shares its budgets.
#[test]
fn each_consumer_receives_exactly_the_limit() {
    on_each_runtime(|| async {
        let store = Store::default();
        let builder = || BudgetGuard::builder().usage_estimator(support::pieces()).tokens(u64::MAX);
        let alone = builder().max_run_tokens(6).build();
        let shared = builder().max_run_tokens(6).build_shared(budgets(&store.reach()));
        let mut calls = JoinSet::new();
        for call in 0..400_u64 {
            let layer = if call % 2 == 0 { layer(&alone) } else { shared_layer(&shared) };
            calls.spawn(async move {
                let mut state = call;
                let length = next(&mut state) % 12;
                let script = (0..length).fold(Script::new().respond(), |script, _| {
                    match next(&mut state) % 3 {
                        0 => script.yields().text("a"),
                        1 => script.pause(Duration::from_micros(20)).text("a"),
                        _ => script.text("a"),
                    }
                });
                let mut model = layer.layer(ScriptedModel::new(script.complete("stop")));
                let (chunks, error) = read(model.call(asking(1)).await.unwrap()).await;
                let texts = chunks.iter().filter(|chunk| matches!(chunk, Delta::Text { .. }));
                assert_eq!(texts.count() as u64, length.min(6), "call {call}");
                assert_eq!(error.is_some(), length > 6, "call {call}");
            });
        }
        calls.join_all().await;
    });
}
