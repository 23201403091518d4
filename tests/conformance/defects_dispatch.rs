//! F: defects of LangChain's dispatch that its own tests do not cover.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
    mpsc,
};

use futures::StreamExt;
use support::http::quiet_panics;
use support::{Mode, Recorders, call, on_each_runtime, request, until};
use tokio::sync::Semaphore;
use tower::Layer;
use tower_llm_callbacks::{
    Aborted, CallbackLayer, Callbacks,
    Delivery::{Background, Pipelined},
    ErrorKind, EventKind, Registration,
    batch::Batch,
    on_event, on_event_async,
    testing::{Script, ScriptedModel},
};

use super::settled;

const QUEUED: [Mode; 4] = [
    Mode::Blocking(Pipelined),
    Mode::Blocking(Background),
    Mode::Async(Pipelined),
    Mode::Async(Background),
];

/// A handler that stays at one kind of event until it is released, and logs when it enters and leaves each
/// event.
struct Stuck {
    handler: Registration,
    log: Arc<Mutex<Vec<(&'static str, EventKind)>>>,
    release: Box<dyn FnOnce() + Send>,
}

impl Stuck {
    fn at(kind: EventKind, mode: Mode) -> Self {
        let log: Arc<Mutex<Vec<_>>> = Arc::default();
        let notes = Arc::clone(&log);
        let note = move |word, kind| notes.lock().unwrap().push((word, kind));
        let (handler, release): (_, Box<dyn FnOnce() + Send>) = if mode.is_async() {
            let open = Arc::new(Semaphore::new(0));
            let waits = Arc::clone(&open);
            let handler = on_event_async(move |_, event| {
                let (note, waits) = (note.clone(), Arc::clone(&waits));
                async move {
                    note("in", event.kind());
                    if event.kind() == kind {
                        drop(waits.acquire().await);
                    }
                    note("out", event.kind());
                }
            });
            (Registration::async_handler(handler), Box::new(move || open.close()))
        } else {
            let (open, waits) = mpsc::channel::<()>();
            let waits = Mutex::new(waits);
            let handler = on_event(move |_, event| {
                note("in", event.kind());
                if event.kind() == kind {
                    // Returns when the other end is dropped.
                    let _dropped = waits.lock().unwrap().recv();
                }
                note("out", event.kind());
            });
            (Registration::blocking(handler), Box::new(move || drop(open)))
        };
        let is_background = matches!(mode, Mode::Blocking(Background) | Mode::Async(Background));
        let handler = if is_background { handler.background() } else { handler };
        Self { handler, log, release }
    }
}

/// The stream does not wait for handlers that are at a token. LangChain's waits for each of them.
#[test]
fn a_slow_handler_does_not_hold_the_stream() {
    for mode in QUEUED {
        on_each_runtime(move || async move {
            let stuck = Stuck::at(EventKind::LlmNewToken, mode);
            let recorders = Recorders::new(&[Mode::Inline, mode]).with(stuck.handler);
            let (_, mut model) = recorders.model(Script::answer(["a", "b", "c"]));
            let mut stream = call(&mut model).await.unwrap();
            for _ in 0..5 {
                stream.next().await.unwrap().unwrap();
            }
            (stuck.release)();
            assert!(stream.next().await.is_none());
            recorders.ended(None).await;
        });
    }
}

/// A blocking handler with one thread handles one event at a time. In LangChain all runs enter it.
#[test]
fn a_handler_with_one_thread_handles_one_event_at_a_time() {
    on_each_runtime(|| async {
        let (inside, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::clone(&most);
        let handler = on_event(move |_, _| {
            seen.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // Gives other threads a chance to enter.
            std::thread::yield_now();
            inside.fetch_sub(1, Ordering::SeqCst);
        });
        let callbacks = Callbacks::new().add(Registration::blocking(handler).threads(1));
        let model = ScriptedModel::new(Script::answer(["a"; 50]));
        let model = CallbackLayer::new(callbacks).layer(model);
        let prompts: Vec<_> = (0..16).map(|_| request()).collect();
        let batch = Batch::new().run(&model, prompts).await.unwrap();
        assert_eq!(batch.llm_output().completed, 16);
        assert_eq!(most.load(Ordering::SeqCst), 1);
    });
}

/// A handler that keeps all its threads busy does not take any from others. LangChain has one pool for all.
#[test]
fn a_stuck_handler_does_not_starve_others() {
    on_each_runtime(|| async {
        let stuck = Stuck::at(EventKind::LlmStart, Mode::Blocking(Background));
        let recorders = Recorders::new(&[Mode::Blocking(Pipelined)]).with(stuck.handler);
        let model = recorders.layer().layer(ScriptedModel::new(Script::answer(["a"])));
        let prompts: Vec<_> = (0..100).map(|_| request()).collect();
        let batch = Batch::new().limit(100).run(&model, prompts).await.unwrap();
        assert_eq!(batch.llm_output().completed, 100);
        assert_eq!(recorders.each[0].1.terminals().len(), 100);
        (stuck.release)();
        settled(&recorders.callbacks).await;
        recorders.faults.none();
    });
}

/// A handler at a token is neither ended nor overtaken by a cancellation or another handler's failure.
#[test]
fn a_handler_at_a_token_is_not_overtaken() {
    quiet_panics();
    for (mode, fails) in QUEUED.into_iter().flat_map(|mode| [(mode, false), (mode, true)]) {
        on_each_runtime(move || async move {
            let stuck = Stuck::at(EventKind::LlmNewToken, mode);
            let recorders = Recorders::new(&[Mode::Inline]).with(stuck.handler);
            let strict = on_event(move |_, event| {
                if fails && event.kind() == EventKind::LlmNewToken {
                    panic!("scripted: strict");
                }
            });
            let strict = Callbacks::new().add(Registration::inline(strict).abort_on_fault());
            let script = Script::new().respond().text("a").hang();
            let mut model = recorders.layer().callbacks(&strict).layer(ScriptedModel::new(script));
            let mut stream = call(&mut model).await.unwrap();
            let entered = || stuck.log.lock().unwrap().len() == 3;
            if fails {
                let task = tokio::spawn(async move { stream.next().await.unwrap().map(drop) });
                until(entered).await;
                (stuck.release)();
                assert!(task.await.unwrap().unwrap_err().is::<Aborted>());
            } else {
                stream.next().await.unwrap().unwrap();
                until(entered).await;
                drop(stream);
                assert_eq!(
                    recorders.each[0].1.terminals().len(),
                    1,
                    "other handlers receive the end at once"
                );
                assert!(entered());
                (stuck.release)();
            }
            let kind = if fails { ErrorKind::Aborted } else { ErrorKind::Cancelled };
            recorders.ended(Some(kind)).await;
            use EventKind::{LlmError, LlmNewToken, LlmStart};
            let kinds = [LlmStart, LlmNewToken, LlmError];
            let expected: Vec<_> =
                kinds.into_iter().flat_map(|kind| [("in", kind), ("out", kind)]).collect();
            assert_eq!(*stuck.log.lock().unwrap(), expected);
        });
    }
}
