//! Dropped batches: every started run ends once, and no parent ends before its children.

use std::{
    future::Future,
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::Poll,
    time::Duration,
};

use futures::future::poll_fn;
use proptest::{collection::vec, option, prelude::*, test_runner::TestRunner};
use support::{MODES, Mode, PATIENCE, Recorders};
use tokio::{runtime::Builder, task::yield_now};
use tower::{Layer, ServiceBuilder};
use tower_llm_callbacks::{
    CallbackLayer, Delta, ErrorKind, ProviderError, RunType,
    batch::Batch,
    testing::{Recorded, Recorder, Script, assert_promises},
};

use super::{Prompts, assert_delivered};

#[derive(Debug, Clone, Copy)]
enum Act {
    Yield,
    Pause(u8),
    Text,
    Respond,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Complete,
    Truncated,
    Fails,
    Reports,
    Hangs,
}

#[derive(Debug, Clone)]
struct Case {
    prompts: Vec<(Vec<Act>, End)>,
    limit: usize,
    modes: Vec<Mode>,
    /// The number of polls after which the batch is dropped.
    polls: Option<usize>,
    /// Whether a handler is notified of the batch's own run.
    parent: bool,
    buffered: bool,
}

fn cases() -> impl Strategy<Value = Case> {
    let act = prop_oneof![
        3 => Just(Act::Yield),
        1 => (0u8..4).prop_map(Act::Pause),
        3 => Just(Act::Text),
        2 => Just(Act::Respond),
    ];
    let end = prop_oneof![
        5 => Just(End::Complete),
        1 => Just(End::Truncated),
        1 => Just(End::Fails),
        1 => Just(End::Reports),
        1 => Just(End::Hangs),
    ];
    let prompts = vec((vec(act, 0..8), end), 1..7);
    let modes = vec(proptest::sample::select(&MODES[..]), 1..3);
    (prompts, 1usize..5, modes, option::weighted(0.8, 0usize..30), any::<bool>(), any::<bool>())
        .prop_map(|(prompts, limit, modes, polls, parent, buffered)| Case {
            prompts,
            limit,
            modes,
            polls,
            parent,
            buffered,
        })
}

fn script(acts: &[Act], end: End) -> Script {
    let script = acts.iter().fold(Script::new(), |script, act| match act {
        Act::Yield => script.yields(),
        Act::Pause(ms) => script.pause(Duration::from_millis(u64::from(*ms))),
        Act::Text => script.text("a"),
        Act::Respond => script.respond(),
    });
    match end {
        End::Complete => script.respond().complete("stop"),
        End::Truncated => script.respond(),
        End::Fails => script.fail("reset"),
        End::Reports => script.respond().chunk(Delta::Error(ProviderError::new("overloaded"))),
        End::Hangs => script.hang(),
    }
}

/// Polls a future whenever it is woken, at most this many times, and then drops it.
async fn drop_after<F: Future>(polls: Option<usize>, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    let polled = poll_fn(|cx| match &mut left {
        Some(0) => Poll::Ready(None),
        left => {
            if let Some(left) = left {
                *left -= 1;
            }
            future.as_mut().poll(cx).map(Some)
        }
    });
    // A batch that hangs is dropped.
    tokio::time::timeout(Duration::from_secs(5), polled).await.ok().flatten()
}

fn is_cancelled(end: &&Recorded) -> bool {
    end.error().is_some_and(|error| error.kind() == ErrorKind::Cancelled)
}

/// Runs a batch and checks its events. Returns whether the batch was not dropped.
async fn schedule(case: &Case) -> bool {
    let witness = Recorder::new();
    let recorders = Recorders::new(&case.modes).with(Mode::Inline.handler(witness.clone()));
    let prompts = Prompts::new(case.prompts.iter().map(|(acts, end)| script(acts, *end)));
    let generate = Batch::new().limit(case.limit);
    let generate = if case.parent { generate.callbacks(&recorders.callbacks) } else { generate };
    let layer = CallbackLayer::new(recorders.callbacks.clone());
    let done = if case.buffered {
        let model = ServiceBuilder::new().layer(layer).buffer(2).service(prompts.clone());
        drop_after(case.polls, generate.run(&model, prompts.requests())).await
    } else {
        let model = layer.layer(prompts.clone());
        drop_after(case.polls, generate.run(&model, prompts.requests())).await
    };
    // A buffer's worker drops an abandoned call when it is polled.
    support::until(|| prompts.live() == 0).await;
    yield_now().await;
    assert_delivered(&recorders).await;

    let events = witness.events();
    assert_promises(&events);
    for (_, recorder) in &recorders.each {
        assert_eq!(recorder.events().len(), events.len());
        assert_eq!(recorder.terminals().len(), witness.run_ids().len());
    }
    let is_chain = |run_type| run_type == RunType::Chain;
    let ends = witness.terminals();
    let (chains, calls): (Vec<_>, Vec<_>) = ends.iter().partition(|end| is_chain(end.run_type));
    assert_eq!(chains.len(), usize::from(case.parent && !events.is_empty()));
    if let [chain] = chains[..] {
        // A thread that handles a call's last token emits its end, perhaps after the drop of the batch.
        let on_threads = case.modes.iter().any(|mode| matches!(mode, Mode::Blocking(_)));
        if !on_threads {
            assert_eq!(ends.last().unwrap().run_id, chain.run_id, "the parent ends last");
        }
        assert!(calls.iter().all(|end| end.parent_run_id == Some(chain.run_id)));
        // The batch may be dropped while handlers are at the end of a complete one.
        let complete = calls.len() == case.prompts.len() && !calls.iter().any(is_cancelled);
        let kind = chain.error().map(|error| error.kind());
        assert!(kind == Some(ErrorKind::Cancelled) || complete && kind.is_none(), "{kind:?}");
        assert!(done.is_none() || kind.is_none());
    }
    match done {
        Some(batch) => {
            let batch = batch.unwrap();
            let runs: Vec<_> = batch.run_ids.iter().map(|id| id.unwrap()).collect();
            assert_eq!(runs.len(), case.prompts.len());
            for (run, result) in runs.iter().zip(&batch.generations) {
                let run = witness.run(*run);
                let end = run.last().unwrap();
                assert_eq!(end.error().is_none(), result.is_ok());
            }
        }
        None => {
            let cancelled = calls.into_iter().filter(is_cancelled).count();
            assert!(cancelled <= case.limit, "no more calls are alive than the limit");
            return false;
        }
    }
    true
}

#[test]
fn every_started_run_ends_once_and_parents_end_last() {
    let config = ProptestConfig { cases: 500, failure_persistence: None, ..Default::default() };
    let dropped = AtomicUsize::new(0);
    let all = TestRunner::new(config).run(&cases(), |case| {
        let mut runtime = Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        if !runtime.block_on(schedule(&case)) {
            dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    });
    all.unwrap_or_else(|error| panic!("{error}"));
    // The schedules must keep covering drops.
    let dropped = dropped.into_inner();
    assert!((100..450).contains(&dropped), "{dropped} were dropped");
}

/// The same with several threads.
#[test]
fn every_started_run_ends_once_on_several_threads() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        for polls in 0..60 {
            let texts = vec![Act::Text, Act::Yield, Act::Respond, Act::Text, Act::Yield, Act::Text];
            let case = Case {
                prompts: vec![(texts, End::Complete); 6],
                limit: 1 + polls % 4,
                modes: vec![MODES[polls % 7], MODES[polls * 3 % 7]],
                polls: Some(polls),
                parent: true,
                buffered: polls % 2 == 0,
            };
            tokio::time::timeout(PATIENCE, schedule(&case)).await.expect("the schedule hangs");
        }
    });
}
