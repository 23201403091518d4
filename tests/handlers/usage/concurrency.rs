//! Concurrent runs, with totals taken meanwhile: each run is counted exactly once.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use proptest::prelude::*;
use tokio::task::JoinSet;
use tower_llm_callbacks::{
    Usage,
    handlers::{PriceTable, UsageCounts, UsageSnapshot, UsageTotals},
    testing::Script,
};

use super::{answer_of, assert_adds_up, layer, report, run};

fn sum<'a>(counts: impl IntoIterator<Item = &'a UsageCounts>) -> UsageCounts {
    counts.into_iter().fold(UsageCounts::default(), |sum, it| sum.plus(it))
}

/// Asserts that groups and windows add up to the total.
#[track_caller]
fn assert_consistent(snapshot: &UsageSnapshot) {
    assert_adds_up(&snapshot.total);
    let groups = snapshot.groups.iter().map(|group| &group.counts);
    assert_eq!(sum(groups.chain([&snapshot.other])), snapshot.total);
    assert_eq!(sum(snapshot.windows.iter().map(|window| &window.total)), snapshot.total);
    for window in &snapshot.windows {
        let groups = window.groups.iter().map(|group| &group.counts);
        assert_eq!(sum(groups.chain([&window.other])), window.total);
    }
}

#[test]
fn totals_taken_by_threads_while_runs_end() {
    const CALLS: u64 = 2_000;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let totals = UsageTotals::builder()
        .by_model()
        .max_groups(5)
        .window(Duration::from_millis(3))
        .keep_windows(100_000)
        .prices(r#"{"currency":"USD","models":{"m*":{"input":1,"output":2}}}"#.parse::<PriceTable>().unwrap())
        .build();
    let done = AtomicBool::new(false);
    let taken = std::thread::scope(|scope| {
        let takers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut taken = UsageCounts::default();
                    while !done.load(Ordering::SeqCst) {
                        assert_consistent(&totals.snapshot());
                        let part = totals.take();
                        assert_consistent(&part);
                        taken = taken.plus(&part.total);
                        std::thread::yield_now();
                    }
                    taken
                })
            })
            .collect();
        runtime.block_on(async {
            let mut calls = JoinSet::new();
            for call in 0..CALLS {
                let layer = layer(&totals);
                calls.spawn(async move {
                    let script = answer_of(&format!("m{}", call % 8), call, 1);
                    run(&layer, script).await;
                });
            }
            calls.join_all().await;
        });
        done.store(true, Ordering::SeqCst);
        takers.into_iter().map(|taker| taker.join().unwrap()).collect::<Vec<_>>()
    });
    let total = sum(taken.iter().chain([&totals.take().total]));
    let input = CALLS * (CALLS - 1) / 2;
    assert_eq!((total.runs, total.completed), (CALLS, CALLS));
    assert_eq!(total.reported, Usage::new(input, CALLS));
    let cost = total.cost.unwrap();
    assert_eq!(cost.total().pico(), u128::from(input) * 1_000_000 + u128::from(CALLS) * 2_000_000);
    assert_eq!(totals.open_runs(), 0);
    assert_eq!(totals.take().total, UsageCounts::default());
}

/// What one call does.
#[derive(Debug, Clone)]
enum Call {
    Completes { input: u64, output: u64 },
    Silent { tokens: usize },
    Fails { tokens: usize, reported: Option<(u64, u64)> },
    Takes,
}

fn calls() -> impl Strategy<Value = Call> {
    prop_oneof![
        (0..1000_u64, 0..1000_u64).prop_map(|(input, output)| Call::Completes { input, output }),
        (0..5_usize).prop_map(|tokens| Call::Silent { tokens }),
        (0..5_usize, proptest::option::of((0..9_u64, 0..6_u64)))
            .prop_map(|(tokens, reported)| Call::Fails { tokens, reported }),
        Just(Call::Takes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the calls do, and however often totals are taken, the parts add up to the calls.
    #[test]
    fn taken_parts_add_up(calls in proptest::collection::vec(calls(), 0..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let totals = UsageTotals::builder().by_model().window(Duration::from_secs(1)).keep_windows(1_000).build();
            let mut parts = Vec::new();
            let (mut input, mut output, mut counted, mut runs, mut silent) = (0, 0, 0, 0, 0);
            for call in &calls {
                let texts = |tokens: usize| (0..tokens).fold(Script::new().respond(), |it, _| it.text("a"));
                tokio::time::advance(Duration::from_millis(300)).await;
                let script = match *call {
                    Call::Takes => {
                        parts.push(totals.take());
                        continue;
                    }
                    Call::Completes { input: i, output: o } => {
                        (input, output) = (input + i, output + o);
                        answer_of("m", i, o)
                    }
                    Call::Silent { tokens } => {
                        (counted, silent) = (counted + tokens as u64, silent + 1);
                        texts(tokens).complete("stop")
                    }
                    Call::Fails { tokens, reported } => {
                        let (i, o) = reported.unwrap_or_default();
                        (input, output) = (input + i, output + o);
                        silent += u64::from(reported.is_none());
                        // A report after the pieces covers them, unless it is of no tokens.
                        counted += if o == 0 { tokens as u64 } else { 0 };
                        let script = texts(tokens);
                        match reported {
                            Some((i, o)) => script.chunk(report(Usage::new(i, o))).fail("reset"),
                            None => script.fail("reset"),
                        }
                    }
                };
                runs += 1;
                run(&layer(&totals), script).await;
            }
            parts.push(totals.take());
            parts.iter().for_each(assert_consistent);
            let total = sum(parts.iter().map(|part| &part.total));
            assert_eq!((total.runs, total.unreported_runs), (runs, silent));
            assert_eq!(total.reported.input_tokens.unwrap_or(0), input);
            assert_eq!(total.reported.output_tokens.unwrap_or(0), output);
            let estimated = total.estimated.output_tokens.unwrap_or(0);
            assert_eq!((estimated, total.output_tokens()), (counted, output + counted));
        });
    }
}

/// Clones are one handler; another handler counts for itself.
#[tokio::test]
async fn clones_share_their_totals() {
    let totals = UsageTotals::new();
    let other = UsageTotals::builder().by_model().build();
    let callbacks = tower_llm_callbacks::Callbacks::new()
        .inline(totals.clone())
        .inline(totals.clone())
        .inline(std::sync::Arc::new(totals.clone()))
        .inline(other.clone());
    assert_eq!(callbacks.len(), 2);
    run(
        &tower_llm_callbacks::CallbackLayer::new(callbacks).usage_estimator(support::pieces()),
        answer_of("m", 1, 1),
    )
    .await;
    assert_eq!((totals.snapshot().total.runs, other.snapshot().total.runs), (1, 1));
    assert_eq!((totals.snapshot().groups.len(), other.snapshot().groups.len()), (0, 1));
    assert_eq!(format!("{totals:?}"), "UsageTotals { runs: 1, groups: 0, .. }");
}
