//! Calls dropped at any point: the stream yields the terminals of all their runs, then ends.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::atomic::{AtomicUsize, Ordering},
    task::Poll,
    time::Duration,
};

use futures::{
    StreamExt,
    future::{join_all, poll_fn},
};
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use support::{Flavor, PATIENCE, read, request};
use tokio::{task::yield_now, time::timeout};
use tower::{BoxError, Layer, Service};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, ErrorKind, EventKind, InCurrentRun, RunConfig, RunLayer,
    handlers::{EventStream, RunEvent},
    testing::{Recorder, Script, ScriptedModel},
};
use uuid::Uuid;

use super::by_run;

#[derive(Debug, Clone)]
enum Work {
    /// A model call that pauses for some polls after each token, and may hang.
    Model(Vec<u8>, bool),
    /// A chain of work items, one after the other or all at once.
    Chain(Vec<Work>, bool),
    /// Work in a spawned task.
    Spawned(Box<Work>),
}

#[derive(Debug, Clone)]
struct Case {
    work: Vec<Work>,
    driven: bool,
    wait: bool,
    capacity: usize,
    /// The call is dropped after this number of polls.
    polls: usize,
    /// The reader pauses after every `slow` events; 0 means never.
    slow: u8,
    several_threads: bool,
}

fn cases() -> impl Strategy<Value = Case> {
    let leaf = (vec(0u8..3, 0..6), proptest::bool::weighted(0.2))
        .prop_map(|(pauses, hangs)| Work::Model(pauses, hangs));
    let work = leaf.prop_recursive(3, 12, 4, |work| {
        prop_oneof![
            3 => (vec(work.clone(), 1..4), any::<bool>()).prop_map(|(work, all)| Work::Chain(work, all)),
            1 => work.prop_map(|work| Work::Spawned(Box::new(work))),
        ]
    });
    let how = (any::<bool>(), any::<bool>(), 1usize..8, 0usize..60, 0u8..4, any::<bool>());
    (vec(work, 1..4), how).prop_map(
        |(work, (driven, wait, capacity, polls, slow, several_threads))| Case {
            work,
            driven,
            wait,
            capacity,
            polls,
            slow,
            several_threads,
        },
    )
}

type Done = Pin<Box<dyn Future<Output = ()> + Send>>;

fn all(work: Vec<Work>, at_once: bool) -> Done {
    Box::pin(async move {
        if at_once {
            join_all(work.into_iter().map(run)).await;
        } else {
            for work in work {
                run(work).await;
            }
        }
    })
}

fn run(work: Work) -> Done {
    match work {
        Work::Model(pauses, hangs) => Box::pin(async move {
            let pauses = pauses.into_iter();
            let script = pauses.fold(Script::new().yields().respond(), |script, pauses| {
                (0..pauses).fold(script.text("a"), |script, _| script.yields())
            });
            let script = if hangs { script.hang() } else { script.complete("stop") };
            let layer = CallbackLayer::new(Callbacks::new());
            let mut model = layer.layer(ScriptedModel::new(script));
            read(model.call(request()).await.unwrap()).await;
        }),
        Work::Chain(work, at_once) => Box::pin(async move {
            let chain = RunLayer::chain("chain").run(async move {
                all(work, at_once).await;
                Ok::<_, BoxError>(())
            });
            chain.await.unwrap();
        }),
        Work::Spawned(work) => Box::pin(async move {
            // A task that hangs is aborted.
            let task = tokio::spawn(run(*work).in_current_run());
            let stop = task.abort_handle();
            if timeout(Duration::from_millis(5), task).await.is_err() {
                stop.abort();
            }
        }),
    }
}

/// Runs the root chain and drops it after `polls` polls. Returns whether it completed.
async fn root(work: Vec<Work>, polls: usize) -> bool {
    let mut root = pin!(async move { run(Work::Chain(work, true)).await });
    let mut left = polls;
    let polled = poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        root.as_mut().poll(cx).map(|()| true)
    });
    // A chain that hangs is dropped too.
    timeout(Duration::from_millis(20), polled).await.unwrap_or(false)
}

type Id = (Uuid, u64, EventKind);

/// Whether `part` is a subsequence of `whole`.
fn is_part<T: PartialEq>(part: &[T], whole: &[T]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|one| whole.any(|other| other == one))
}

/// Compares the stream's events with those of a recorder in the same call. Returns whether the call
/// completed.
async fn schedule(case: Case) -> bool {
    let witness = Recorder::new();
    let callbacks = Callbacks::new().inline(witness.clone());
    let config = RunConfig::new().callbacks(&callbacks);
    let builder = EventStream::builder().capacity(case.capacity);
    let mut yielded: Vec<RunEvent> = Vec::new();
    let slow = |yielded: usize| case.slow > 0 && yielded.is_multiple_of(usize::from(case.slow));
    let done = if case.driven {
        let mut events = builder.of(async { config.scope(root(case.work, case.polls)).await });
        while let Some(event) = events.next().await {
            yielded.push(event);
            if slow(yielded.len()) {
                yield_now().await;
            }
        }
        events.output().unwrap()
    } else {
        let builder = if case.wait { builder.wait() } else { builder };
        let (callbacks, mut events) = builder.attach();
        let config = config.callbacks(&callbacks);
        let call = tokio::spawn(config.scope(root(case.work, case.polls)));
        // A future that is never polled makes no run.
        drop(callbacks);
        while let Some(event) = events.next().await {
            yielded.push(event);
            if slow(yielded.len()) {
                yield_now().await;
            }
        }
        call.await.unwrap()
    };

    let root = witness.run_ids().first().copied();
    assert_eq!(root.is_none(), yielded.is_empty());
    let observed: Vec<Id> = witness.events().iter().map(|e| (e.run_id, e.seq, e.kind())).collect();
    let ids: Vec<Id> =
        yielded.iter().map(|e| (e.run().run_id(), e.event().seq(), e.kind())).collect();
    let root_ends =
        observed.iter().position(|event| Some(event.0) == root && event.2.is_terminal());
    let until = root_ends.map_or(0, |at| at + 1);
    let complete = case.driven || case.wait;
    if case.several_threads {
        // Events emitted at the same moment may precede or follow the root's end.
        for (run, events) in by_run(&yielded) {
            let observed: Vec<_> = observed.iter().filter(|event| event.0 == run).collect();
            let ids: Vec<_> = ids.iter().filter(|event| event.0 == run).collect();
            // The recorder is not called at the same moment either.
            let is_beginning = observed.starts_with(&ids) || ids.starts_with(&observed);
            assert!(if complete { is_beginning } else { is_part(&ids, &observed) });
            assert!(events[0].kind().is_start());
        }
    } else if complete {
        assert!(ids.len() >= until, "the stream yields all events up to the root's end");
        assert_eq!(ids, observed[..ids.len()]);
        assert!(case.driven || ids.len() == until);
    } else {
        assert!(is_part(&ids, &observed[..until]));
        let bounds = |ids: &[Id]| -> Vec<Id> {
            ids.iter().filter(|id| id.2.is_start() || id.2.is_terminal()).copied().collect()
        };
        assert_eq!(bounds(&ids), bounds(&observed[..until]));
    }
    if let Some(root) = root {
        let root = witness.run(root);
        let kind = root.last().unwrap().error().map(|error| error.kind());
        assert!(kind.is_none() || (kind == Some(ErrorKind::Cancelled) && !done));
    }
    done
}

#[test]
fn every_ended_run_yields_its_terminal() {
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() };
    let dropped = AtomicUsize::new(0);
    let all = TestRunner::new(config).run(&cases(), |case| {
        let flavor = if case.several_threads { Flavor::Multi } else { Flavor::Current };
        let mut runtime = flavor.builder();
        let runtime = runtime.enable_all().start_paused(!case.several_threads).build().unwrap();
        let done = runtime.block_on(async {
            let task = tokio::spawn(schedule(case));
            // A timeout in real time: paused time would run ahead.
            let task = timeout(PATIENCE * 100, task).await;
            task.expect("the schedule hangs")
                .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
        });
        runtime.shutdown_background();
        if !done {
            dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    });
    all.unwrap_or_else(|error| panic!("{error}"));
    let dropped = dropped.into_inner();
    assert!((100..380).contains(&dropped), "{dropped} calls were dropped");
}
