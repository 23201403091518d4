//! Promise 8: the code of a handler never notifies that handler, whichever way it makes a call. Other handlers of the
//! set are notified.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use futures::{StreamExt, executor::block_on};
use support::{MODES, Mode, PATIENCE, call, on_each_runtime, read};
use tokio::{runtime::Handle, sync::mpsc, time::timeout};
use tower::{Layer, Service, ServiceExt, buffer::Buffer, service_fn};
use tower_llm_callbacks::{
    AttemptsLayer, CallbackLayer, Callbacks, Event, EventKind, InCurrentRun, Run, RunConfig,
    RunLayer,
    chat::ChatRequest,
    layer::CallbackService,
    testing::{Recorder, Script, ScriptedModel},
};

type Model = CallbackService<ScriptedModel>;

/// Makes a call, from the code of a handler that handles an event of a run.
type Way = fn(Run, Model);

async fn ask(mut model: Model) {
    read(call(&mut model).await.unwrap()).await;
}

async fn asked(model: Model) -> Result<(), tower::BoxError> {
    ask(model).await;
    Ok(())
}

fn ask_blocking(model: Model) {
    // Nested runtimes are not allowed on a runtime's own thread.
    block_on(ask(model));
}

/// Spawns a task, and waits for it where that is possible.
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    drop(Handle::current().spawn(task));
}

const WAYS: [(&str, Way); 12] = [
    ("as a root", |_, model| ask_blocking(model)),
    ("run.scope", |run, model| run.scope(|| ask_blocking(model))),
    ("in_run", |run, model| block_on(ask(model).in_run(&run))),
    ("the parent's scope within run.scope", |run, model| {
        run.scope(|| Run::current().unwrap().scope(|| ask_blocking(model)));
    }),
    ("in_run of a stream", |run, model| {
        let stream = futures::stream::once(ask(model)).in_run(&run);
        block_on(stream.collect::<Vec<_>>());
    }),
    ("a spawned task, in_current_run", |_, model| spawn(ask(model).in_current_run())),
    ("a spawned task, in_run", |run, model| spawn(ask(model).in_run(&run))),
    ("a spawned task, in_current_run within run.scope", |run, model| {
        run.scope(|| spawn(ask(model).in_current_run()));
    }),
    ("a thread, in_current_run", |_, model| {
        let work = (move || ask_blocking(model)).in_current_run();
        thread::spawn(|| work.call()).join().unwrap();
    }),
    ("a configuration", |run, model| {
        let config = RunConfig::new().tags(["judge"]);
        run.scope(|| block_on(config.scope(ask(model))));
    }),
    ("a chain around", |run, model| {
        run.scope(|| block_on(RunLayer::chain("judge").run(asked(model)))).unwrap();
    }),
    ("attempts", |run, model| {
        let inner = service_fn(move |()| asked(model.clone()));
        run.scope(|| block_on(AttemptsLayer::new().layer(inner).oneshot(()))).unwrap();
    }),
];

/// A judge that calls the model at each token is called for its own run's tokens only.
fn judge(mode: Mode, way: Way) -> impl Future<Output = ()> + Send {
    let model: Arc<OnceLock<Model>> = Arc::default();
    let calls = Arc::new(AtomicUsize::new(0));
    let witness = Recorder::new();
    let (asked, count) = (Arc::clone(&model), Arc::clone(&calls));
    let (done, mut dones) = mpsc::unbounded_channel();
    let judges = mode.closure(move |run: &Run, event: &Event| {
        if event.kind() == EventKind::LlmNewToken {
            assert!(count.fetch_add(1, Ordering::SeqCst) < 100, "the judge judges itself");
            way(run.clone(), asked.get().unwrap().clone());
            done.send(()).unwrap();
        }
    });
    async move {
        let callbacks = Callbacks::new().inline(witness.clone()).add(judges);
        let scripted = ScriptedModel::new(Script::answer(["a"]));
        model.set(CallbackLayer::new(callbacks.clone()).layer(scripted)).ok().unwrap();
        ask(model.get().unwrap().clone()).await;
        timeout(PATIENCE, dones.recv()).await.unwrap();
        // Calls of spawned tasks may still be running.
        timeout(PATIENCE, support::until(|| witness.terminals().len() == 2)).await.unwrap();
        assert!(callbacks.flush(PATIENCE).await.is_complete());
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        assert_eq!(
            witness.terminals().len(),
            2,
            "the other handler is notified of the judge's call"
        );
    }
}

#[test]
fn a_handler_is_not_notified_of_its_own_calls() {
    for (name, way) in WAYS {
        for mode in MODES {
            println!("{name}, {mode:?}");
            on_each_runtime(|| judge(mode, way));
        }
    }
}

/// Two judges of one set are each notified of the other's calls, and of no further ones.
#[test]
fn two_handlers_that_call_each_other_come_to_an_end() {
    for mode in MODES {
        on_each_runtime(|| async move {
            let model: Arc<OnceLock<Model>> = Arc::default();
            let judge = |count: &Arc<AtomicUsize>| {
                let (asked, count) = (Arc::clone(&model), Arc::clone(count));
                mode.closure(move |run, event| {
                    if event.kind() == EventKind::LlmNewToken {
                        count.fetch_add(1, Ordering::SeqCst);
                        spawn(ask(asked.get().unwrap().clone()).in_run(run));
                    }
                })
            };
            let counts = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
            let callbacks = Callbacks::new().add(judge(&counts[0])).add(judge(&counts[1]));
            let scripted = ScriptedModel::new(Script::answer(["a"]));
            model.set(CallbackLayer::new(callbacks.clone()).layer(scripted)).ok().unwrap();
            ask(model.get().unwrap().clone()).await;
            // Of the call, and of the other's call in it.
            let counted = || counts.each_ref().map(|count| count.load(Ordering::SeqCst));
            timeout(PATIENCE, support::until(|| counted() == [2, 2])).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert!(callbacks.flush(PATIENCE).await.is_complete());
            assert_eq!(counted(), [2, 2], "{mode:?}");
        });
    }
}

/// A fault hook is code of the handler too.
#[test]
fn a_fault_hook_that_makes_a_call_comes_to_an_end() {
    support::quiet_panics();
    on_each_runtime(|| async {
        let model: Arc<OnceLock<Model>> = Arc::default();
        let faults = Arc::new(AtomicUsize::new(0));
        let (asked, count) = (Arc::clone(&model), Arc::clone(&faults));
        let callbacks = Callbacks::new()
            .add(Mode::Inline.closure(|_, _| panic!("scripted")))
            .on_fault(move |_| {
                count.fetch_add(1, Ordering::SeqCst);
                let mut model = asked.get().unwrap().clone();
                drop(model.call(support::request()));
            });
        let scripted = ScriptedModel::new(Script::answer(["a"]));
        model.set(CallbackLayer::new(callbacks).layer(scripted)).ok().unwrap();
        ask(model.get().unwrap().clone()).await;
        assert_eq!(faults.load(Ordering::SeqCst), 1);
    });
}

type Buffered = CallbackService<Buffer<ChatRequest, <Model as Service<ChatRequest>>::Future>>;

async fn ask_through(mut model: Buffered) {
    let answer = model.ready().await.unwrap().call(support::request()).await.unwrap();
    answer.collect::<Vec<_>>().await;
}

/// A layer that notifies nobody of a call carries where it is made, for layers below a buffer.
#[test]
fn the_only_handler_does_not_hear_its_call_through_a_buffer() {
    for mode in MODES {
        on_each_runtime(|| async move {
            let (model, calls) =
                (Arc::<OnceLock<Buffered>>::default(), Arc::new(AtomicUsize::new(0)));
            let (asked, count) = (Arc::clone(&model), Arc::clone(&calls));
            let judge = mode.closure(move |_, event| {
                if event.kind() == EventKind::LlmNewToken {
                    assert!(count.fetch_add(1, Ordering::SeqCst) < 20, "the judge judges itself");
                    spawn(ask_through(asked.get().cloned().unwrap()).in_current_run());
                }
            });
            let callbacks = Callbacks::new().add(judge);
            let scripted = ScriptedModel::new(Script::answer(["a"]));
            let below: Model = CallbackLayer::new(callbacks.clone()).layer(scripted);
            let above = CallbackLayer::new(callbacks.clone()).layer(Buffer::new(below, 16));
            model.set(above).ok().unwrap();
            ask_through(model.get().cloned().unwrap()).await;
            assert!(callbacks.flush(PATIENCE).await.is_complete());
            tokio::time::sleep(Duration::from_millis(5)).await;
            // Of the layer above, and of the one below.
            assert_eq!(calls.load(Ordering::SeqCst), 2, "{mode:?}");
        });
    }
}
