//! A set that is replaced while calls run.

use std::time::Duration;

use support::{Faults, Mode, read, request};
use tower::{Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Event, FaultKind, Run, RunLayer,
    callbacks::Reloadable,
    on_event_async,
    testing::{Recorder, Script, ScriptedModel, assert_promises},
};

fn set(mode: Mode, recorder: &Recorder) -> Callbacks {
    Callbacks::new().add(mode.handler(recorder.clone()))
}

/// Each of 256 streams ends with the set that it began with; no event is lost or doubled.
#[tokio::test(start_paused = true)]
async fn streams_end_with_the_set_they_began_with() {
    for mode in Mode::ALL {
        let recorders: Vec<_> = (0..8).map(|_| Recorder::new()).collect();
        let live = Reloadable::new(set(mode, &recorders[0]));
        let script = (0..6_u64).fold(Script::new().respond(), |script, nth| {
            script.text("a").pause(Duration::from_millis(7 + 5 * nth))
        });
        let model = ScriptedModel::new(script.complete("stop"));
        let model = CallbackLayer::new(&live).layer(model);
        let streams = (0..256_u64).map(|nth| {
            let mut model = model.clone();
            async move {
                // Starts in no order, in the middle of other streams and of replacements.
                tokio::time::sleep(Duration::from_micros(nth * 7919 % 90_001)).await;
                let answer = model.ready().await.unwrap().call(request()).await.unwrap();
                assert_eq!(read(answer).await.0.len(), 8);
            }
        });
        let reload = async {
            for recorder in recorders.iter().cycle().skip(1).take(23) {
                tokio::time::sleep(Duration::from_millis(5)).await;
                live.replace(set(mode, recorder));
            }
        };
        tokio::join!(futures::future::join_all(streams), reload);
        // A flush of what the layer has waits for the former sets too.
        let all = Callbacks::from(&live);
        assert!(all.flush(support::PATIENCE).await.is_complete());
        let mut runs = Vec::new();
        for recorder in &recorders {
            assert_promises(&recorder.events());
            for run_id in recorder.run_ids() {
                assert_eq!(recorder.run(run_id).len(), 8, "{mode:?}");
                runs.push(run_id);
            }
        }
        assert_eq!(runs.len(), 256, "{mode:?}");
        runs.sort();
        runs.dedup();
        assert_eq!(runs.len(), 256, "{mode:?}: a run had two sets");
        assert!(recorders.iter().filter(|recorder| !recorder.run_ids().is_empty()).count() > 4);
    }
}

/// A run below one that began before has the handlers of that, and not the new ones besides.
#[tokio::test]
async fn a_tree_has_one_set() {
    let (before, after) = (Recorder::new(), Recorder::new());
    let live = Reloadable::new(set(Mode::Inline, &before));
    let chain = RunLayer::chain("agent").inheritable_callbacks(&live);
    let model = CallbackLayer::new(&live).layer(ScriptedModel::new(Script::answer(["a"])));
    let call = async |mut model: support::Model| {
        let answer = model.ready().await.unwrap().call(request()).await.unwrap();
        read(answer).await;
    };
    let run = chain.run(async {
        let replaced = live.replace(set(Mode::Inline, &after));
        assert_eq!(replaced.len(), 1);
        call(model.clone()).await;
        Ok::<_, tower::BoxError>(())
    });
    run.await.unwrap();
    assert_eq!((before.run_ids().len(), after.run_ids().len()), (2, 0));
    call(model).await;
    assert_eq!((before.run_ids().len(), after.run_ids().len()), (2, 1));
    assert_promises(&before.events());
}

/// A set may be empty for a while, and be part of others.
#[tokio::test]
async fn a_set_may_be_part_of_another() {
    let (fixed, live) = (Recorder::new(), Reloadable::new(Callbacks::new()));
    let callbacks = Callbacks::new().inline(fixed.clone()).merge(&live).merge(&live);
    assert_eq!(callbacks.len(), 1);
    let empty = CallbackLayer::new(&live).layer(ScriptedModel::new(Script::answer(["a"])));
    let mixed = CallbackLayer::new(&callbacks).layer(ScriptedModel::new(Script::answer(["a"])));
    let added = Recorder::new();
    for _ in 0..2 {
        for mut model in [empty.clone(), mixed.clone()] {
            read(model.ready().await.unwrap().call(request()).await.unwrap()).await;
        }
        live.replace(set(Mode::Inline, &added));
        assert_eq!((callbacks.len(), callbacks.stats().len()), (2, 2));
    }
    assert_eq!((fixed.run_ids().len(), added.run_ids().len()), (2, 2));
}

/// A set that a reloadable one is merged into has its hooks and its runtime apply there too.
#[test]
fn hooks_and_runtime_apply_to_merged_sets() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.unwrap();
    let (recorder, faults) = (Recorder::new(), Faults::default());
    let failing = on_event_async(|_: Run, _: Event| async { panic!("no") });
    let set = Callbacks::new().async_handler(recorder.clone()).async_handler(failing);
    let live = Reloadable::new(set);
    for merged_last in [false, true] {
        let mut callbacks = Callbacks::new();
        if !merged_last {
            callbacks = callbacks.merge(&live);
        }
        callbacks = callbacks.runtime(runtime.handle().clone()).on_fault(faults.hook());
        if merged_last {
            callbacks = callbacks.merge(&live);
        }
        let script = Script::answer(["a"]);
        let model = CallbackLayer::new(callbacks.clone()).layer(ScriptedModel::new(script));
        // Outside of a runtime.
        let answer = futures::executor::block_on(model.oneshot(request())).unwrap();
        futures::executor::block_on(read(answer));
        assert!(callbacks.flush_blocking(support::PATIENCE).is_complete());
    }
    assert_eq!(recorder.run_ids().len(), 2);
    let faults: Vec<_> = faults.all().iter().map(|fault| fault.kind).collect();
    assert_eq!(faults, [FaultKind::Panicked; 2]);
}

#[test]
fn a_handler_of_both_sets_counts_once() {
    let recorder = Recorder::new();
    let live = Reloadable::new(Callbacks::new().inline(recorder.clone()));
    assert_eq!(Callbacks::new().inline(recorder).merge(&live).len(), 1);
}
