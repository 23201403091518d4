//! A: handlers that implement little or fail, and sets of handlers.

use std::sync::{Arc, Mutex};

use futures::StreamExt;
use support::quiet_panics;
use support::{Faults, MODES, Recorders, call, in_each_mode, on_each_runtime, read};
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_llm_callbacks::{
    AsyncCallbackHandler, AttemptsLayer, CallbackHandler, CallbackLayer, Callbacks, EventKind,
    FaultKind, RunLayer, RunType, chat, emit,
    handler::FnHandler,
    handlers::EventStream,
    on_event,
    testing::{Script, ScriptedModel},
};

use super::settled;

const KINDS: [EventKind; 15] = {
    use EventKind::*;
    [
        LlmStart,
        LlmNewToken,
        LlmEnd,
        LlmError,
        EventKind::RunStart(RunType::Chain),
        EventKind::RunEnd(RunType::Chain),
        EventKind::RunError(RunType::Chain),
        EventKind::RunStart(RunType::Tool),
        EventKind::RunEnd(RunType::Tool),
        EventKind::RunError(RunType::Tool),
        EventKind::RunStart(RunType::Retriever),
        EventKind::RunEnd(RunType::Retriever),
        EventKind::RunError(RunType::Retriever),
        Retry,
        Custom,
    ]
};

/// Runs that emit every kind of event. Returns what their callers got.
async fn everything(callbacks: &Callbacks) -> Vec<Result<String, String>> {
    let text = |error: BoxError| error.to_string();
    let root = RunLayer::chain("root").inheritable_callbacks(callbacks).run(async {
        let mut got = Vec::new();
        for layer in [RunLayer::chain("c"), RunLayer::tool("t"), RunLayer::retriever("r")] {
            let (done, failed) = (async { Ok::<_, BoxError>("ok") }, async { Err("no") });
            got.push(layer.run(done).await.map(str::to_owned).map_err(text));
            got.push(layer.run(failed).await.map(|word: &str| word.to_owned()).map_err(text));
        }
        // Fails if the handler is detached; the fault reports that.
        let _emitted = emit("custom", 1);
        let scripts = [Script::new().respond().text("a").fail("no"), Script::answer(["b"])];
        let model = CallbackLayer::new(Callbacks::new()).layer(ScriptedModel::new(scripts));
        let twice = AttemptsLayer::new().layer(service_fn(move |()| {
            let mut model = model.clone();
            async move {
                let mut got = Vec::new();
                for _ in 0..2 {
                    let answer = chat::collect(call(&mut model).await?).await;
                    got.push(answer.map(|answer| answer.text().to_owned()).map_err(text));
                }
                Ok::<_, BoxError>(got)
            }
        }));
        got.extend(twice.oneshot(()).await?);
        Ok::<_, BoxError>(got)
    });
    root.await.unwrap()
}

/// Implements no method.
struct Nothing;

impl CallbackHandler for Nothing {}
impl AsyncCallbackHandler for Nothing {}

/// Methods that are not implemented do nothing. A method that panics, at any event, is only reported.
#[test]
fn case_07_missing_and_panicking_methods_do_not_propagate() {
    quiet_panics();
    in_each_mode(|mode| async move {
        let (ok, no) = (Ok("ok".to_owned()), Err("no".to_owned()));
        let mut expected = vec![[ok, no.clone()]; 3].concat();
        expected.extend([no, Ok("b".to_owned())]);
        let faults = Faults::default();
        let nothing = Callbacks::new().on_fault(faults.hook()).add(mode.handler(Nothing));
        assert_eq!(everything(&nothing).await, expected);
        settled(&nothing).await;
        faults.none();
        for kind in KINDS {
            let faults = Faults::default();
            let partly = mode.closure(move |_, event| {
                if event.kind() == kind {
                    panic!("scripted: not implemented");
                }
            });
            let partly = Callbacks::new().on_fault(faults.hook()).add(partly);
            assert_eq!(everything(&partly).await, expected, "{kind}");
            settled(&partly).await;
            assert!(!faults.all().is_empty(), "{kind} was not emitted");
            for fault in faults.all() {
                assert_eq!((fault.kind, fault.event), (FaultKind::Panicked, Some(kind)));
            }
        }
    });
}

/// An observer, local, inheritable or both, is dropped in the middle of a run: nothing fails or waits.
#[test]
fn case_08_an_observer_is_dropped_mid_run() {
    for (local, inheritable) in [(true, false), (false, true), (true, true)] {
        on_each_runtime(move || async move {
            let recorders = Recorders::new(&MODES);
            // The dropped stream no longer reads: the call must not wait for it.
            let (callbacks, mut events) = EventStream::builder().capacity(1).wait().attach();
            let callbacks = callbacks.on_fault(recorders.faults.hook());
            let mut layer = recorders.layer();
            if local {
                layer = layer.callbacks(&callbacks);
            }
            if inheritable {
                layer = layer.inheritable_callbacks(&callbacks);
            }
            let texts = ["a", "b", "c", "d", "e"];
            let mut model = layer.layer(ScriptedModel::new(Script::answer(texts)));
            let mut stream = call(&mut model).await.unwrap();
            assert_eq!(events.next().await.unwrap().kind(), EventKind::LlmStart);
            stream.next().await.unwrap().unwrap();
            drop(events);
            let (got, error) = read(stream).await;
            assert_eq!((got.len(), error.is_none()), (6, true));
            assert_eq!(recorders.ended(None).await.result().unwrap().text(), "abcde");
            settled(&callbacks).await;
        });
    }
}

/// A merged set is the union in order, each handler once. Local and inheritable sets stay apart.
#[test]
fn case_09_merged_sets_keep_local_and_inheritable_apart() {
    on_each_runtime(|| async {
        let received: Arc<Mutex<Vec<(String, &str)>>> = Arc::default();
        let handler = |name: &'static str| {
            let received = Arc::clone(&received);
            Arc::new(on_event(move |run, event| {
                if event.kind().is_start() {
                    received.lock().unwrap().push((run.name().to_owned(), name));
                }
            }))
        };
        let set = |handlers: &[&Arc<FnHandler<_>>]| {
            handlers.iter().fold(Callbacks::new(), |all, handler| all.inline(Arc::clone(handler)))
        };
        let [one, two, three] = ["one", "two", "three"].map(handler);
        let [four, five] = ["four", "five"].map(handler);
        let (left, right) = (set(&[&one, &two]), set(&[&two, &three]));
        let merged = left.clone().merge(&right);
        assert_eq!((left.len(), right.len(), merged.len()), (2, 2, 3));
        let parent = RunLayer::chain("parent")
            .callbacks(&merged)
            .inheritable_callbacks(set(&[&four]))
            .inheritable_callbacks(set(&[&four, &five]));
        let nested = async { RunLayer::tool("child").run(async { Ok::<_, BoxError>(()) }).await };
        parent.run(nested).await.unwrap();
        let received = received.lock().unwrap();
        let by = |run: &str| -> Vec<_> {
            received.iter().filter(|(name, _)| name == run).map(|(_, handler)| *handler).collect()
        };
        assert_eq!(by("parent"), ["four", "five", "one", "two", "three"]);
        assert_eq!(by("child"), ["four", "five"]);
    });
}
