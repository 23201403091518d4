//! Handlers that linger: what gathers, for how long, what cuts it short, and that nothing else changes.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::StreamExt;
use support::{
    Faults, Mode, PATIENCE, request,
    schedule::{ask, flushed, until, within, wrap},
};
use tokio::{
    runtime::Builder,
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep},
};
use tower::{Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, CallbackLayer, Callbacks, Delivery, Event, EventKind,
    FaultKind, Registration, Run,
    chat::ChatRequest,
    handler::{BatchError, BatchEvent},
    layer::CallbackService,
    testing::{Recorded, Recorder, Script, ScriptedModel, assert_promises},
};
use uuid::Uuid;

/// The modes in which a handler can linger.
const LINGERING: [Mode; 4] = [
    Mode::Blocking(Delivery::Pipelined),
    Mode::Blocking(Delivery::Background),
    Mode::Async(Delivery::Pipelined),
    Mode::Async(Delivery::Background),
];

/// Longer than any test waits.
const LONG: Duration = Duration::from_secs(3600);

const MS: Duration = Duration::from_millis(1);

/// Records when it gets tokens, by the clock of the runtime.
#[derive(Clone, Default)]
struct Clocked(Arc<Mutex<Vec<Instant>>>);

impl Clocked {
    fn see(&self, event: &Event) {
        if event.kind() == EventKind::LlmNewToken {
            self.0.lock().unwrap().push(Instant::now());
        }
    }
}

impl CallbackHandler for Clocked {
    fn on_event(&self, _run: &Run, event: &Event) {
        self.see(event);
    }
}

impl AsyncCallbackHandler for Clocked {
    async fn on_event(&self, _run: &Run, event: &Event) {
        self.see(event);
    }
}

/// Calls a service in a task that reads the answer and keeps it.
fn read_in_task<S, St>(service: &S) -> (AbortHandle, Arc<Mutex<Vec<Instant>>>)
where
    S: Service<ChatRequest, Response = St> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: std::fmt::Debug + Send,
    St: futures::Stream + Send + 'static,
{
    let (service, items) = (service.clone(), Arc::new(Mutex::new(Vec::new())));
    let seen = Arc::clone(&items);
    let task = tokio::spawn(async move {
        let mut answer = Box::pin(service.oneshot(request()).await.unwrap());
        while answer.next().await.is_some() {
            seen.lock().unwrap().push(Instant::now());
        }
    });
    (task.abort_handle(), items)
}

#[tokio::test(start_paused = true)]
async fn a_token_is_late_by_no_more_than_the_linger() {
    for mode in LINGERING {
        for linger in [0, 5, 50].map(Duration::from_millis) {
            let clocked = Clocked::default();
            let handler = mode.handler(clocked.clone()).linger(linger);
            let callbacks = Callbacks::new().add(handler);
            let pauses = [200, 1, 1, 200, 30, 30, 7].map(Duration::from_millis);
            let script = pauses
                .iter()
                .fold(Script::new().respond(), |script, pause| script.pause(*pause).text("a"));
            let (_, model) = wrap(&callbacks, script.hang());
            let (task, items) = read_in_task(&model);
            sleep(Duration::from_secs(1)).await;
            let (emitted, handled) =
                (items.lock().unwrap().clone(), clocked.0.lock().unwrap().clone());
            assert_eq!((emitted.len(), handled.len()), (7, 7), "{mode:?} {linger:?}");
            let late: Vec<_> = emitted.iter().zip(&handled).map(|(from, to)| *to - *from).collect();
            assert!(late.iter().all(|late| *late <= linger), "{mode:?} {linger:?}: {late:?}");
            let gathers = late.iter().any(|late| !late.is_zero());
            assert_eq!(gathers, !linger.is_zero(), "{mode:?} {linger:?}: {late:?}");
            task.abort();
            flushed(&callbacks).await;
        }
    }
}

#[test]
fn a_background_handler_lingers_by_default() {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        for (mode, lingers) in LINGERING.into_iter().zip([false, true, false, true]) {
            let clocked = Clocked::default();
            let callbacks = Callbacks::new().add(mode.handler(clocked.clone()));
            let script =
                (0..4).fold(Script::new().respond(), |script, _| script.text("a").pause(MS));
            let (_, model) = wrap(&callbacks, script.hang());
            let (task, items) = read_in_task(&model);
            sleep(Duration::from_secs(1)).await;
            let last = *items.lock().unwrap().last().unwrap();
            let handled = *clocked.0.lock().unwrap().last().unwrap();
            let late = handled - last;
            assert_eq!(!late.is_zero(), lingers, "{mode:?} {late:?}");
            assert!(late <= 10 * MS, "{mode:?} {late:?}");
            task.abort();
            flushed(&callbacks).await;
        }
    });
}

/// A run of which tokens gather, and what handled them.
struct Gathered {
    recorder: Recorder,
    callbacks: Callbacks,
    model: CallbackService<ScriptedModel>,
    task: AbortHandle,
}

impl Gathered {
    /// Three tokens, of which at least the last one gathers. Then comes what is given, after a second.
    async fn new(mode: Mode, then: impl FnOnce(Script) -> Script) -> Self {
        let recorder = Recorder::new();
        let handler = mode.handler(recorder.clone()).linger(LONG);
        let callbacks = Callbacks::new().add(handler);
        let script = Script::new().respond().text("a").pause(MS).text("b").pause(MS).text("c");
        let script = then(script.pause(Duration::from_secs(1))).hang();
        let (_, model) = wrap(&callbacks, script);
        let (task, items) = read_in_task(&model);
        sleep(Duration::from_millis(500)).await;
        assert_eq!(items.lock().unwrap().len(), 3);
        assert!(!recorder.text().contains('c'), "{mode:?}: {}", recorder.text());
        Self { recorder, callbacks, model, task }
    }

    async fn within_a_second(&self, condition: impl Fn(&Recorder) -> bool, what: &str) {
        sleep(Duration::from_secs(1)).await;
        assert!(condition(&self.recorder), "{what}: {:?}", self.recorder.kinds());
    }
}

#[tokio::test(start_paused = true)]
async fn ends_cut_a_linger_short() {
    for mode in LINGERING {
        let completes = Gathered::new(mode, |script| script.complete("stop").respond()).await;
        completes.within_a_second(|it| it.terminals().len() == 1, "completed").await;
        assert_eq!(completes.recorder.text(), "abc");

        let fails = Gathered::new(mode, |script| script.fail("scripted")).await;
        fails.within_a_second(|it| it.terminals().len() == 1, "failed").await;

        let dropped = Gathered::new(mode, |script| script).await;
        dropped.task.abort();
        dropped.within_a_second(|it| it.terminals().len() == 1, "dropped").await;
        assert_promises(&dropped.recorder.events());
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_does_not_wait_and_wakes_a_thread_for_all() {
    for mode in LINGERING {
        let gathered = Gathered::new(mode, |script| script.pause(LONG)).await;
        let (other, _) = read_in_task(&gathered.model);
        let is_blocking = !mode.is_async();
        let starts = |it: &Recorder| {
            let kinds = it.kinds();
            let starts = kinds.iter().filter(|kind| **kind == EventKind::LlmStart).count();
            starts == 2 && (!is_blocking || it.run(it.run_ids()[0]).len() == 4)
        };
        gathered.within_a_second(starts, "started").await;
        gathered.task.abort();
        other.abort();
        flushed(&gathered.callbacks).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_flush_does_not_wait_for_a_linger() {
    for mode in LINGERING {
        let gathered = Gathered::new(mode, |script| script.pause(LONG)).await;
        let before = Instant::now();
        flushed(&gathered.callbacks).await;
        assert!(before.elapsed() < 10 * MS, "{mode:?} {:?}", before.elapsed());
        assert_eq!(gathered.recorder.text(), "abc", "{mode:?}");
        gathered.task.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_fills_cuts_a_linger_short() {
    for mode in LINGERING {
        for (capacity, most) in [(1, 1), (8, 4), (256, 64), (1024, 64)] {
            let recorder = Recorder::new();
            let handler = mode.handler(recorder.clone()).linger(LONG).capacity(capacity);
            let callbacks = Callbacks::new().add(handler);
            let script =
                (0..200).fold(Script::new().respond(), |script, _| script.text("a").pause(MS));
            let (_, model) = wrap(&callbacks, script.hang());
            let (task, items) = read_in_task(&model);
            // One by one: what was there before must not be gathered after it.
            for emitted in 1..=200 {
                sleep(MS).await;
                assert_eq!(items.lock().unwrap().len(), emitted, "the stream waits");
                let waiting = callbacks.stats()[0].undelivered_events;
                assert!(waiting < most, "{mode:?} {capacity}: {waiting} events wait");
            }
            assert!(recorder.text().len() > 200 - most as usize);
            assert_eq!(callbacks.stats()[0].dropped_tokens, 0);
            task.abort();
            flushed(&callbacks).await;
        }
    }
}

/// The deadline begins when the handler has to begin.
#[tokio::test(start_paused = true)]
async fn a_linger_longer_than_the_deadline_detaches_no_handler() {
    for mode in LINGERING {
        let (recorder, faults) = (Recorder::new(), Faults::default());
        let handler = mode.handler(recorder.clone()).linger(LONG).deadline(20 * MS);
        let callbacks = Callbacks::new().on_fault(faults.hook()).add(handler);
        let script = Script::new().respond().text("a").pause(MS).text("b");
        let (_, model) = wrap(&callbacks, script.pause(Duration::from_secs(5)).complete("stop"));
        let (_, _) = read_in_task(&model);
        sleep(Duration::from_secs(6)).await;
        if !mode.is_async() {
            // Its deadline is that of the system's clock.
            std::thread::sleep(100 * MS);
        }
        flushed(&callbacks).await;
        faults.none();
        assert_eq!((recorder.text(), recorder.terminals().len()), ("ab".to_owned(), 1));
    }
}

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

/// A recorder that takes batches.
#[derive(Clone)]
struct Batches(Recorder);

impl CallbackHandler for Batches {
    fn on_events(&self, batch: &[BatchEvent<'_>]) -> Result<(), BatchError> {
        for BatchEvent { run, event, .. } in batch {
            CallbackHandler::on_event(&self.0, run, event);
        }
        Ok(())
    }
}

/// What a handler was called with in a run, without what differs between two calls.
fn described(recorder: &Recorder, run_id: Uuid) -> Vec<String> {
    let describe = |event: &Recorded| {
        let mut text = format!("{} {}", event.seq, event.kind());
        if let Some(token) = event.text() {
            text += &format!(" {token:?}");
        }
        if let Some(result) = event.result() {
            text += &format!(" {} {:?}", result.tokens, result.choices);
        }
        text
    };
    recorder.run(run_id).iter().map(describe).collect()
}

/// The same script through handlers that linger and take batches, or not: each gets the same events of each run.
#[test]
fn what_handlers_get_is_the_same_with_lingers_and_batches() {
    let mut next = 7_u64;
    let mut random = move |below: u64| {
        next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (next >> 33) % below
    };
    for round in 0..24 {
        let witness = Recorder::new();
        let mut callbacks = Callbacks::new().inline(witness.clone());
        let mut handlers = Vec::new();
        for linger in [0, 1, 5, 50].map(Duration::from_millis) {
            for mode in LINGERING {
                let recorder = Recorder::new();
                let handler = mode.handler(recorder.clone()).linger(linger).capacity(300);
                callbacks = callbacks.add(handler.name(format!("{mode:?} {linger:?}")));
                handlers.push(recorder);
                if let Mode::Blocking(_) = mode {
                    let recorder = Recorder::new();
                    let handler = Registration::blocking(Batches(recorder.clone()));
                    callbacks = callbacks.add(mode.deliver(handler).linger(linger).capacity(300));
                    handlers.push(recorder);
                }
            }
        }
        let runtime = match round % 3 {
            0 => Builder::new_current_thread().enable_all().start_paused(true).build(),
            1 => Builder::new_current_thread().enable_all().build(),
            _ => Builder::new_multi_thread().worker_threads(2).enable_all().build(),
        };
        let runtime = runtime.unwrap();
        runtime.block_on(within(async {
            let mut calls = JoinSet::new();
            for _ in 0..1 + random(5) {
                let mut script = Script::new().respond();
                for token in 0..random(120) {
                    script = match random(8) {
                        0 => script.pause(Duration::from_micros(random(4_000))),
                        1 => script.yields(),
                        _ => script.text(format!("{token} ")),
                    };
                }
                script = match random(4) {
                    0 => script.fail("scripted"),
                    1 => script.hang(),
                    _ => script.complete("stop"),
                };
                let service =
                    CallbackLayer::new(callbacks.clone()).layer(ScriptedModel::new(script));
                let patience = Duration::from_millis(10 + random(60));
                calls.spawn(async move {
                    let read = async {
                        let answer = service.oneshot(request()).await.unwrap();
                        Box::pin(answer).count().await
                    };
                    let _ = tokio::time::timeout(patience, read).await;
                });
            }
            calls.join_all().await;
            flushed(&callbacks).await;
        }));
        for run_id in witness.run_ids() {
            let truth = described(&witness, run_id);
            for (recorder, stats) in handlers.iter().zip(&callbacks.stats()[1..]) {
                assert_eq!(described(recorder, run_id), truth, "{round}: {}", stats.handler);
            }
        }
        for (recorder, stats) in handlers.iter().zip(&callbacks.stats()[1..]) {
            assert_promises(&recorder.events());
            assert_eq!(recorder.run_ids().len(), witness.run_ids().len());
            assert_eq!((stats.faults, stats.dropped_tokens, stats.undelivered_events), (0, 0, 0));
        }
    }
}
