//! A: how events reach handlers.

use std::{
    cell::Cell,
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use futures::{executor::block_on, stream};
use serde_json::{Value, json};
use support::{
    FLAVORS, MODES, Mode, Recorders, call, everywhere, in_each_mode, on_each_runtime, read, request,
};
use tokio::sync::oneshot;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, CallbackLayer, Callbacks, Delivery, Delta, ErrorKind,
    Event, EventData, LlmStart, Prompt, Run, RunConfig,
    batch::Batch,
    chat, on_event,
    testing::{Script, ScriptedModel},
};

use super::{asked, boxed, prompt, settled};

tokio::task_local! {
    static MARK: Cell<bool>;
}

/// An inline handler changes state of the caller's task. A handler with a queue does not.
#[test]
fn case_01_an_inline_handler_runs_in_the_callers_task() {
    in_each_mode(|mode| async move {
        // A lockstep handler is polled by the caller's task or by its own, whichever comes first.
        if mode == Mode::Async(Delivery::Lockstep) {
            return;
        }
        let received = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&received);
        let callbacks = Callbacks::new().add(mode.closure(move |_, _| {
            counter.fetch_add(1, Ordering::SeqCst);
            let _outside = MARK.try_with(|mark| mark.set(true));
        }));
        let mut model =
            CallbackLayer::new(callbacks.clone()).layer(ScriptedModel::new(Script::answer(["a"])));
        let marked = MARK.scope(Cell::new(false), async {
            read(call(&mut model).await.unwrap()).await;
            settled(&callbacks).await;
            MARK.with(Cell::get)
        });
        assert_eq!(marked.await, mode == Mode::Inline);
        assert_eq!(received.load(Ordering::SeqCst), 3);
    });
}

/// With three prompts, one at a time, two inline handlers receive p1h1 p1h2, then p2h1 p2h2, then p3h1 p3h2.
#[test]
fn case_02_prompts_and_inline_handlers_keep_their_order() {
    on_each_runtime(|| async {
        let received: Arc<Mutex<Vec<String>>> = Arc::default();
        let prompts: Arc<Mutex<HashMap<uuid::Uuid, String>>> = Arc::default();
        let handler = |name: &'static str| {
            let (received, prompts) = (Arc::clone(&received), Arc::clone(&prompts));
            on_event(move |run: &Run, event: &Event| {
                let mut prompts = prompts.lock().unwrap();
                if let EventData::LlmStart(start) = event.data() {
                    prompts.insert(run.run_id(), asked(start));
                }
                let line = format!("{} {name} {}", prompts[&run.run_id()], event.kind());
                received.lock().unwrap().push(line);
            })
        };
        let callbacks = Callbacks::new().inline(handler("h1")).inline(handler("h2"));
        // With more than one call at a time, events of other calls would come in between.
        let script = Script::new().yields().respond().text("a").yields().complete("stop");
        let model = CallbackLayer::new(callbacks).layer(ScriptedModel::new(script));
        let batch = Batch::new().limit(1).run(&model, ["p1", "p2", "p3"].map(prompt)).await;
        assert_eq!(batch.unwrap().into_results().unwrap().len(), 3);
        let mut expected = Vec::new();
        for prompt in ["p1", "p2", "p3"] {
            for kind in ["llm_start", "llm_new_token", "llm_end"] {
                expected.extend(["h1", "h2"].map(|name| format!("{prompt} {name} {kind}")));
            }
        }
        assert_eq!(*received.lock().unwrap(), expected);
    });
}

/// End and error events carry the context of the call, wherever the stream is dropped.
#[test]
fn case_03_ends_and_errors_carry_the_callers_context() {
    everywhere(|recorders| async move {
        let config = || RunConfig::new().tags(["caller"]).metadata("user", "u-1").run_name("asks");
        let (_, mut model) = recorders.model(Script::answer(["a", "b"]));
        let stream = config().call(model.ready().await.unwrap(), request()).await.unwrap();
        assert!(read(stream).await.1.is_none());
        let stream = config().call(model.ready().await.unwrap(), request()).await.unwrap();
        thread::spawn(move || drop(stream)).join().unwrap();
        settled(&recorders.callbacks).await;
        recorders.faults.none();
        for (mode, recorder) in &recorders.each {
            let ends = recorder.terminals();
            let kinds: Vec<_> = ends.iter().map(|end| end.error().map(|e| e.kind())).collect();
            assert!(kinds.contains(&None) && kinds.contains(&Some(ErrorKind::Cancelled)));
            assert_eq!(kinds.len(), 2, "{mode:?}");
            for end in ends {
                assert_eq!((&*end.name, &*end.tags.join("+")), ("asks", "caller"), "{mode:?}");
                assert_eq!(json!(end.metadata), json!({"user": "u-1"}), "{mode:?}");
            }
        }
    });
}

/// Implements only the method for starts.
#[derive(Clone, Default)]
struct Starts(Arc<Mutex<Vec<Value>>>);

impl Starts {
    fn push(&self, start: &LlmStart) {
        self.0.lock().unwrap().push(json!(start.messages));
    }
}

impl CallbackHandler for Starts {
    fn on_llm_start(&self, _: &Run, start: &LlmStart) {
        self.push(start);
    }
}

impl AsyncCallbackHandler for Starts {
    async fn on_llm_start(&self, _: &Run, start: &LlmStart) {
        self.push(start);
    }
}

/// Chats and plain prompts have the same start: a handler with that method alone receives each once.
#[test]
fn case_04_one_method_receives_the_start_of_every_model() {
    in_each_mode(|mode| async move {
        let starts = Starts::default();
        let callbacks = Callbacks::new().add(mode.handler(starts.clone()));
        let layer = CallbackLayer::new(callbacks.clone());
        let mut chat = layer.layer(ScriptedModel::new(Script::answer(["a"])));
        read(call(&mut chat).await.unwrap()).await;
        settled(&callbacks).await;
        let text = layer.extract(
            |prompt: &String| LlmStart::new("a", "b").messages(Prompt::json(json!(prompt))),
            |word: &String, each: &mut dyn FnMut(Delta<'_>)| each(Delta::text(word)),
        );
        let text = text.layer(service_fn(|prompt: String| async {
            Ok::<_, BoxError>(stream::iter([Ok::<_, BoxError>(prompt)]))
        }));
        drop(boxed(text).oneshot("Hi".to_owned()).await.unwrap());
        settled(&callbacks).await;
        let expected = [json!([{"role": "user", "content": "Hi"}]), json!("Hi")];
        assert_eq!(*starts.0.lock().unwrap(), expected);
    });
}

/// An async handler is notified of a call that blocking code makes on a thread without a runtime. No fault is
/// reported.
#[test]
fn case_05_an_async_handler_is_notified_of_a_blocking_call() {
    for (flavor, mode) in FLAVORS.into_iter().flat_map(|flavor| MODES.map(|mode| (flavor, mode))) {
        let runtime = flavor.runtime();
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let drives = thread::spawn(move || drop(runtime.block_on(stopped)));
        let mut recorders = Recorders::new(&[mode]);
        recorders.callbacks = recorders.callbacks.runtime(handle.clone());
        let (_, mut model) = recorders.model(Script::answer(["a", "b"]));
        let answer = block_on(async { chat::collect(call(&mut model).await.unwrap()).await });
        assert_eq!(answer.unwrap().text(), "ab");
        assert_eq!(handle.block_on(recorders.ended(None)).result().unwrap().text(), "ab");
        stop.send(()).unwrap();
        drives.join().unwrap();
    }
}

/// Implements the method for all events and the one for starts.
#[derive(Clone, Default)]
struct Both(Arc<(AtomicUsize, AtomicUsize)>);

impl CallbackHandler for Both {
    fn on_event(&self, _: &Run, event: &Event) {
        self.0.0.fetch_add(usize::from(event.kind().is_start()), Ordering::SeqCst);
    }

    fn on_llm_start(&self, _: &Run, _: &LlmStart) {
        self.0.1.fetch_add(1, Ordering::SeqCst);
    }
}

impl AsyncCallbackHandler for Both {
    async fn on_event(&self, run: &Run, event: &Event) {
        CallbackHandler::on_event(self, run, event);
    }

    async fn on_llm_start(&self, run: &Run, start: &LlmStart) {
        CallbackHandler::on_llm_start(self, run, start);
    }
}

/// A handler that takes all events in one method does not receive a start in the method for starts as well.
#[test]
fn case_06_a_start_reaches_one_method() {
    in_each_mode(|mode| async move {
        let both = Both::default();
        let callbacks = Callbacks::new().add(mode.handler(both.clone()));
        let mut model =
            CallbackLayer::new(callbacks.clone()).layer(ScriptedModel::new(Script::answer(["a"])));
        read(call(&mut model).await.unwrap()).await;
        settled(&callbacks).await;
        let Both(received) = both;
        let (all, starts) = (received.0.load(Ordering::SeqCst), received.1.load(Ordering::SeqCst));
        assert_eq!((all, starts), (1, 0));
    });
}
