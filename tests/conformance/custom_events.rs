//! B: custom events of the application.

use std::{
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};
use support::{Recorders, everywhere, in_each_mode};
use tokio::task::spawn_blocking;
use tower::BoxError;
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, Callbacks, EventKind, InCurrentRun, Run, RunLayer,
    RunType, emit, event::CustomEvent,
};
use uuid::Uuid;

use super::{customs, of_run, settled};

/// Outside a run, and where the current run does not follow on its own, `emit` fails with an error that names
/// the fix.
#[test]
fn case_10_an_event_outside_a_run_fails() {
    fn fails() {
        let error = emit("lost", 1).unwrap_err();
        assert!(!error.is_ended() && error.full_queues() == 0);
        assert!(error.to_string().contains("in_current_run"), "{error}");
    }
    fails();
    in_each_mode(|mode| async move {
        fails();
        let recorders = Recorders::new(&[mode]).with(mode.closure(|_, _| fails()));
        let run = RunLayer::chain("chain").callbacks(&recorders.callbacks).run(async {
            tokio::spawn(async { fails() }).await.unwrap();
            thread::spawn(fails).join().unwrap();
            Ok::<_, BoxError>(())
        });
        run.await.unwrap();
        fails();
        settled(&recorders.callbacks).await;
        recorders.faults.none();
        let events = of_run(&recorders.each[0].1.events(), "chain");
        assert_eq!(events.len(), 2);
    });
}

/// What `on_custom_event` receives: the run's id, the event, and the run's tags and metadata.
type Received = (Uuid, String, Value, String, Value);

#[derive(Clone, Default)]
struct Custom(Arc<Mutex<Vec<Received>>>);

impl CallbackHandler for Custom {
    fn on_custom_event(&self, run: &Run, event: &CustomEvent) {
        let (tags, metadata) = (run.tags().join("+"), json!(run.metadata()));
        let received = (run.run_id(), event.name.to_string(), event.value.clone(), tags, metadata);
        self.0.lock().unwrap().push(received);
    }
}

impl AsyncCallbackHandler for Custom {
    async fn on_custom_event(&self, run: &Run, event: &CustomEvent) {
        CallbackHandler::on_custom_event(self, run, event);
    }
}

fn current() -> Uuid {
    Run::current().unwrap().run_id()
}

/// A handler receives name and value, with id, tags and metadata of the emitting run, in order of emission.
#[test]
fn case_11_an_event_carries_the_context_of_its_run() {
    in_each_mode(|mode| async move {
        let custom = Custom::default();
        let callbacks = Callbacks::new().add(mode.handler(custom.clone()));
        let tool = RunLayer::tool("tool").tags(["own"]).metadata("user", "other");
        let chain = RunLayer::chain("chain")
            .inheritable_callbacks(&callbacks)
            .inheritable_tags(["all"])
            .inheritable_metadata("user", "u-1");
        let work = chain.run(async {
            emit("one", json!({"n": 1})).unwrap();
            let inside = tool.run(async {
                emit("two", "2").unwrap();
                Ok::<_, BoxError>(current())
            });
            let inside = inside.await.unwrap();
            emit("three", Value::Null).unwrap();
            Ok::<_, BoxError>((current(), inside))
        });
        let (outer, inner) = work.await.unwrap();
        settled(&callbacks).await;
        let received = custom.0.lock().unwrap();
        let of =
            |id| received.iter().filter(|received| received.0 == id).cloned().collect::<Vec<_>>();
        let event = |id, name: &str, value, tags: &str, user| {
            (id, name.to_owned(), value, tags.to_owned(), json!({"user": user}))
        };
        let one = event(outer, "one", json!({"n": 1}), "all", "u-1");
        let two = event(inner, "two", json!("2"), "all+own", "other");
        let three = event(outer, "three", Value::Null, "all", "u-1");
        assert_eq!(of(outer), [one, three]);
        assert_eq!(of(inner), [two]);
        assert_eq!(received.len(), 3);
    });
}

/// The run is implicit, carried or named: in tasks and on threads, in async and in blocking code.
#[test]
fn case_12_context_is_implicit_or_explicit() {
    everywhere(|recorders| async move {
        let chain = RunLayer::chain("chain").callbacks(&recorders.callbacks).run(async {
            emit("implicit", 1).unwrap();
            let emits = || emit("carried", 2).unwrap();
            tokio::spawn(async move { emits() }.in_current_run()).await.unwrap();
            let carried = emits.in_current_run();
            spawn_blocking(move || carried.call()).await.unwrap();
            let run = Run::current().unwrap();
            tokio::spawn(async move { emits() }.in_run(&run)).await.unwrap();
            let named = run.clone();
            thread::spawn(move || named.emit("named", 3).unwrap()).join().unwrap();
            thread::spawn(move || run.scope(|| emit("scoped", 4).unwrap())).join().unwrap();
            Ok::<_, BoxError>(())
        });
        chain.await.unwrap();
        settled(&recorders.callbacks).await;
        recorders.faults.none();
        let expected = [
            ("implicit", 1),
            ("carried", 2),
            ("carried", 2),
            ("carried", 2),
            ("named", 3),
            ("scoped", 4),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), json!(value)));
        for (mode, recorder) in &recorders.each {
            assert_eq!(customs(&of_run(&recorder.events(), "chain")), expected, "{mode:?}");
        }
    });
}

/// An event that a tool emits comes between start and end of the tool's own run.
#[test]
fn case_13_an_event_in_a_tool_belongs_to_the_tool() {
    use EventKind::Custom;
    everywhere(|recorders| async move {
        let chain =
            RunLayer::chain("chain").inheritable_callbacks(&recorders.callbacks).run(async {
                let work = async {
                    emit("progress", 50).unwrap();
                    Ok::<_, BoxError>(())
                };
                RunLayer::tool("tool").run(work).await
            });
        chain.await.unwrap();
        settled(&recorders.callbacks).await;
        recorders.faults.none();
        for (mode, recorder) in &recorders.each {
            let kinds = |name| -> Vec<_> {
                of_run(&recorder.events(), name).iter().map(|event| event.kind()).collect()
            };
            assert_eq!(
                kinds("tool"),
                [EventKind::RunStart(RunType::Tool), Custom, EventKind::RunEnd(RunType::Tool)],
                "{mode:?}"
            );
            assert_eq!(
                kinds("chain"),
                [EventKind::RunStart(RunType::Chain), EventKind::RunEnd(RunType::Chain)],
                "{mode:?}"
            );
        }
    });
}
