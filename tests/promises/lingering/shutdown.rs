//! Runtimes that shut down or have no timer, and many runs.

use futures::StreamExt;
use support::{
    Faults, PATIENCE, request,
    schedule::{ask, flushed, until, within, wrap},
};
use tokio::{runtime::Builder, task::JoinSet};
use tower::{Service, ServiceExt};
use tower_llm_callbacks::{
    Callbacks, FaultKind, Registration,
    testing::{Recorder, Script, assert_promises},
};

use super::{LINGERING, LONG, MS, read_in_task};

#[test]
fn a_runtime_that_shuts_down_while_events_gather() {
    for mode in LINGERING {
        for paused in [false, true] {
            let (recorder, faults) = (Recorder::new(), Faults::default());
            let handler = mode.handler(recorder.clone()).linger(LONG);
            let callbacks = Callbacks::new().on_fault(faults.hook()).add(handler);
            let runtime = Builder::new_current_thread().enable_all().start_paused(paused).build();
            let runtime = runtime.unwrap();
            runtime.block_on(async {
                let script = Script::new().respond().text("a").pause(MS).text("b");
                let (_, model) = wrap(&callbacks, script.hang());
                let (_, items) = read_in_task(&model);
                until(|| items.lock().unwrap().len() == 2).await;
            });
            drop(runtime);
            assert!(callbacks.flush_blocking(PATIENCE).is_complete());
            if mode.is_async() {
                assert_eq!(faults.one().kind, FaultKind::RuntimeShutDown, "{mode:?}");
            } else {
                faults.none();
                assert_eq!(recorder.terminals().len(), 1, "{mode:?}");
                assert_eq!(recorder.text(), "ab");
            }
        }
    }
}

/// A runtime without a timer: nothing lingers there.
#[test]
fn a_runtime_without_a_timer() {
    let recorder = Recorder::new();
    let handler = Registration::async_handler(recorder.clone()).linger(LONG);
    let callbacks = Callbacks::new().add(handler);
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let texts = Script::new().respond().text("a").yields().text("b").yields().text("c");
        let script = texts.yields().yields().yields().hang();
        let (_, mut model) = wrap(&callbacks, script);
        let mut answer = Box::pin(model.ready().await.unwrap().call(request()).await.unwrap());
        for _ in 0..3 {
            answer.next().await;
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(recorder.text(), "abc");
    });
}

#[test]
fn ten_thousand_runs_with_tokens_that_gather() {
    const RUNS: usize = 10_000;
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for mode in [LINGERING[0], LINGERING[2]] {
        let recorder = Recorder::new();
        let handler = mode.handler(recorder.clone()).linger(20 * MS);
        let callbacks = Callbacks::new().add(handler);
        runtime.block_on(within(async {
            let (_, model) = wrap(&callbacks, Script::answer(["a", "b", "c"]));
            let mut calls = JoinSet::new();
            for _ in 0..RUNS {
                let mut model = model.clone();
                calls.spawn(async move { ask(&mut model).await.unwrap().len() });
            }
            calls.join_all().await;
            flushed(&callbacks).await;
        }));
        assert_eq!(callbacks.stats()[0].undelivered_runs, 0);
        assert_eq!(recorder.run_ids().len(), RUNS);
        assert_promises(&recorder.events());
        assert_eq!(recorder.text().len(), 3 * RUNS);
    }
}
