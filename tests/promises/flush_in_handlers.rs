//! A flush in the code of a handler waits for everything but the event that is being handled there.

use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use support::{MODES, Mode, PATIENCE, Recorders, call, on_each_runtime, read};
use tokio::time::timeout;
use tower::Layer;
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, CallbackLayer, Callbacks, Event, Registration, Run,
    callbacks::FlushReport,
    testing::{Script, ScriptedModel},
};

/// Flushes its own set at the end of each run, as functions that are frozen after a call do.
#[derive(Clone, Default)]
struct Flushes {
    callbacks: Arc<OnceLock<Callbacks>>,
    reports: Arc<Mutex<Vec<FlushReport>>>,
    longest: Arc<AtomicUsize>,
}

impl Flushes {
    fn note(&self, began: Instant, report: FlushReport) {
        self.longest.fetch_max(began.elapsed().as_millis() as usize, Ordering::SeqCst);
        self.reports.lock().unwrap().push(report);
    }
}

impl CallbackHandler for Flushes {
    fn on_event(&self, _run: &Run, event: &Event) {
        if event.kind().is_terminal() {
            let began = Instant::now();
            self.note(began, self.callbacks.get().unwrap().flush_blocking(PATIENCE));
        }
    }
}

impl AsyncCallbackHandler for Flushes {
    async fn on_event(&self, _run: &Run, event: &Event) {
        if event.kind().is_terminal() {
            let began = Instant::now();
            self.note(began, self.callbacks.get().unwrap().flush(PATIENCE).await);
        }
    }
}

fn flushes(
    recorders: &Recorders,
    flusher: impl FnOnce(Flushes) -> Registration,
) -> (Flushes, Callbacks) {
    let flushes = Flushes::default();
    let callbacks = recorders.callbacks.clone().add(flusher(flushes.clone()));
    flushes.callbacks.set(callbacks.clone()).unwrap();
    (flushes, callbacks)
}

#[test]
fn a_flush_in_a_handler_does_not_wait_for_itself() {
    // An inline handler on the only thread of a runtime would keep async handlers from their events.
    for mode in MODES.into_iter().filter(|mode| *mode != Mode::Inline) {
        on_each_runtime(|| async move {
            let recorders = Recorders::new(&MODES);
            let (flushes, callbacks) = flushes(&recorders, |handler| mode.handler(handler));
            let model = ScriptedModel::new(Script::answer(["a", "b"]));
            let mut model = CallbackLayer::new(callbacks.clone()).layer(model);
            timeout(PATIENCE / 2, async { read(call(&mut model).await.unwrap()).await })
                .await
                .expect("the flush waits for itself");
            assert!(callbacks.flush(PATIENCE).await.is_complete());
            assert!(flushes.reports.lock().unwrap()[0].is_complete(), "{mode:?}");
            // The other handlers had their events when the flush returned.
            recorders.ended(None).await;
        });
    }
}

/// Runs that end at the same time, in handlers that flush at the same time, with few threads.
#[test]
fn flushes_in_handlers_do_not_wait_for_each_other() {
    for mode in MODES.into_iter().filter(|mode| *mode != Mode::Inline) {
        for threads in [1, 2, 16] {
            on_each_runtime(|| async move {
                let recorders = Recorders::new(&MODES);
                let flusher = |handler| mode.handler(handler).threads(threads);
                let (flushes, callbacks) = flushes(&recorders, flusher);
                let calls = (0..8).map(|_| {
                    let model = ScriptedModel::new(Script::answer(["a"]));
                    let mut model = CallbackLayer::new(callbacks.clone()).layer(model);
                    tokio::spawn(async move { read(call(&mut model).await.unwrap()).await })
                });
                for call in calls.collect::<Vec<_>>() {
                    timeout(PATIENCE / 2, call)
                        .await
                        .expect("flushes wait for each other")
                        .unwrap();
                }
                assert!(callbacks.flush(PATIENCE).await.is_complete());
                let reports = flushes.reports.lock().unwrap();
                assert_eq!(reports.len(), 8);
                assert!(reports.iter().all(FlushReport::is_complete), "{mode:?}, {threads}");
            });
        }
    }
}

/// Without a runtime.
#[test]
fn a_blocking_flush_waits_on_a_thread() {
    let recorders = Recorders::new(&[Mode::Blocking(tower_llm_callbacks::Delivery::Background)]);
    let slow = recorders.callbacks;
    let slow = slow.add(
        Mode::Blocking(tower_llm_callbacks::Delivery::Background)
            .closure(|_, _| std::thread::sleep(Duration::from_millis(10))),
    );
    let model = ScriptedModel::new(Script::answer(["a"]));
    let mut model = CallbackLayer::new(slow.clone()).layer(model);
    futures::executor::block_on(async { read(call(&mut model).await.unwrap()).await });
    let report = slow.flush_blocking(Duration::from_millis(1));
    assert!(!report.is_complete());
    assert!(slow.flush_blocking(PATIENCE).is_complete());
}
