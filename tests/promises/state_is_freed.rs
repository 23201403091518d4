//! Promise 10, nothing leaks: no state is held for an ended run, however it ended, while its layer is alive.

use std::{
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use futures::{FutureExt, StreamExt, future::pending};
use serde_json::json;
use support::{Flavor, MODES, Mode, PATIENCE, in_each_mode, on_each_runtime, read, until};
use tokio::{runtime::Handle as Runtime, time::timeout};
use tower::{Layer, Service};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, EventData, EventKind, EventMask, LlmRequest, LlmStart, Prompt,
    Registration,
    drain::StreamDrainLayer,
    layer::CallbackService,
    on_event_async, on_llm_new_token, on_llm_start,
    testing::{Script, ScriptedModel},
};

/// A request that is counted while it, or its start event, is alive.
struct Tracked(Arc<()>);

impl LlmRequest for Tracked {
    fn llm_start(&self) -> LlmStart {
        let held = Arc::clone(&self.0);
        // A lazy prompt drops its source when it is read.
        LlmStart::new("acme", "complete")
            .messages(Prompt::lazy(move || json!(Arc::strong_count(&held))))
    }
}

type Model = CallbackService<ScriptedModel<Tracked>>;

/// Makes models with these callbacks, and counts their live requests.
struct Calls {
    callbacks: Callbacks,
    requests: Arc<()>,
}

impl Calls {
    fn new(callbacks: Callbacks) -> Self {
        Self { callbacks, requests: Arc::new(()) }
    }

    fn model(&self, script: Script) -> Model {
        CallbackLayer::new(self.callbacks.clone()).layer(ScriptedModel::for_requests(script))
    }

    fn request(&self) -> Tracked {
        Tracked(Arc::clone(&self.requests))
    }

    /// Waits until no run is held.
    async fn assert_released(&self) {
        let requests: Weak<()> = Arc::downgrade(&self.requests);
        timeout(PATIENCE, until(|| requests.strong_count() == 1)).await.unwrap_or_else(|_| {
            panic!("{} requests are held", requests.strong_count() - 1);
        });
    }
}

const CALLS: usize = 100;

/// Calls that complete, fail, and are dropped at each point.
async fn call_in_every_way(calls: &Calls) {
    let mut hangs = calls.model(Script::new().hang().respond());
    let mut fails = calls.model(Script::new().respond().text("a").fail("no"));
    let mut streams = calls.model(Script::new().respond().text("a").text("b").hang());
    let mut completes = calls.model(Script::answer(["a", "b"]));
    for _ in 0..CALLS {
        drop(hangs.call(calls.request()));
        assert!(hangs.call(calls.request()).now_or_never().is_none());
        assert!(read(fails.call(calls.request()).await.unwrap()).await.1.is_some());
        let mut stream = streams.call(calls.request()).await.unwrap();
        stream.next().await.unwrap().unwrap();
        drop(stream);
        assert!(read(completes.call(calls.request()).await.unwrap()).await.1.is_none());
    }
}

#[test]
fn calls_leave_no_requests_or_tasks() {
    in_each_mode(|mode| async move {
        let looks = mode.closure(|_, event| {
            if let EventData::LlmStart(start) = event.data() {
                drop(start.messages.clone());
            }
        });
        let calls = Calls::new(Callbacks::new().add(looks));
        call_in_every_way(&calls).await;
        calls.assert_released().await;
        // One task may watch the handler's deadlines.
        let tasks = || Runtime::current().metrics().num_alive_tasks();
        timeout(PATIENCE, until(|| tasks() <= 2)).await.unwrap_or_else(|_| {
            panic!("{} tasks", tasks());
        });
        drop(calls);
    });
}

/// Memory that is not counted by requests: hundreds of further runs hold no more of it.
#[test]
fn calls_leave_no_memory() {
    for mode in MODES.into_iter().filter(|mode| *mode == Mode::Inline || mode.is_async()) {
        // One thread, so that all allocations are counted.
        let runtime = Flavor::Current.runtime();
        let calls = Calls::new(Callbacks::new().add(mode.closure(|_, _| {})));
        let some = || {
            runtime.block_on(async {
                timeout(PATIENCE, call_in_every_way(&calls)).await.expect("the calls hang");
                assert!(calls.callbacks.flush(PATIENCE).await.is_complete());
                calls.assert_released().await;
            });
        };
        some();
        // What is kept for reuse comes and goes. What is lost stays lost each time.
        let left = (0..3).map(|_| allocation_counter::measure(some).bytes_current).min().unwrap();
        assert!(left < 4096, "{mode:?}: {left} bytes of {} calls", 5 * CALLS);
    }
}

/// Ten thousand answers that are read to their end without their consumers, or to a limit.
#[test]
fn drains_leave_no_memory() {
    let runtime = Flavor::Current.runtime();
    let calls = Calls::new(Callbacks::new().add(Mode::Inline.closure(|_, _| {})));
    let drain = StreamDrainLayer::new().max_items(3);
    let some = || {
        runtime.block_on(async {
            let answers = [&["a", "b"][..], &["a", "b", "c", "d"]];
            let answers = answers.map(|texts| Script::answer(texts.iter().copied()));
            let mut models = answers.map(|script| drain.layer(calls.model(script)));
            for call in 0..10_000 {
                let mut stream = models[call % 2].call(calls.request()).await.unwrap();
                stream.next().await.unwrap().unwrap();
                drop(stream);
                if call % 50 == 0 {
                    assert!(drain.flush(PATIENCE).await);
                }
            }
            assert!(drain.flush(PATIENCE).await);
            calls.assert_released().await;
            assert_eq!(Runtime::current().metrics().num_alive_tasks(), 0);
        });
    };
    some();
    let stats = drain.stats();
    assert_eq!((stats.finished, stats.too_large, stats.refused), (5_000, 5_000, 0));
    let left = (0..2).map(|_| allocation_counter::measure(some).bytes_current).min().unwrap();
    assert!(left < 4096, "{left} bytes of 10,000 drains");
}

/// Handlers that receive only a part of a run hold no state either.
#[test]
fn handlers_with_masked_events_leave_no_state() {
    on_each_runtime(|| async {
        for event_mask in [
            EventMask::LLM_START,
            EventMask::LLM_NEW_TOKEN,
            EventMask::CUSTOM,
            EventMask::LLM_START | EventMask::LLM_ERROR,
        ] {
            let part = || Part(event_mask);
            let callbacks = Callbacks::new()
                .blocking(part())
                .add(Registration::blocking(part()).background().capacity(1))
                .add(Registration::blocking(part()).lockstep())
                .inline(part())
                .blocking(on_llm_start(|_, _| {}))
                .blocking(on_llm_new_token(|_, _| {}));
            let calls = Calls::new(callbacks);
            call_in_every_way(&calls).await;
            calls.assert_released().await;
        }
    });
}

struct Part(EventMask);

impl tower_llm_callbacks::CallbackHandler for Part {
    fn event_mask(&self) -> EventMask {
        self.0
    }
}

/// A stream that was read to its end, and is kept.
#[test]
fn a_kept_stream_holds_no_state() {
    in_each_mode(|mode| async move {
        let calls = Calls::new(Callbacks::new().add(mode.closure(|_, _| {})));
        let mut model = calls.model(Script::answer(["a", "b"]));
        let mut kept = Vec::new();
        for _ in 0..CALLS {
            let mut stream = model.call(calls.request()).await.unwrap();
            while stream.next().await.is_some() {}
            kept.push(stream);
        }
        calls.assert_released().await;
        drop(kept);
    });
}

/// A handler that panicked in the run or was detached from it.
#[test]
fn a_failed_handler_holds_no_state() {
    in_each_mode(|mode| async move {
        let fails = mode.closure(|_, event| assert!(event.kind() != EventKind::LlmNewToken));
        let calls = Calls::new(Callbacks::new().add(fails));
        call_in_every_way(&calls).await;
        calls.assert_released().await;
    });
    on_each_runtime(|| async {
        for at in [EventKind::LlmStart, EventKind::LlmNewToken, EventKind::LlmEnd] {
            let never = || {
                Registration::async_handler(on_event_async(move |_, event| async move {
                    if event.kind() == at {
                        pending::<()>().await;
                    }
                }))
            };
            let deadline = Duration::from_millis(20);
            let callbacks = Callbacks::new()
                .add(never().deadline(deadline))
                .add(never().deadline(deadline).lockstep())
                .add(never().deadline(deadline).background());
            let calls = Calls::new(callbacks);
            let mut model = calls.model(Script::answer(["a", "b"]));
            for _ in 0..3 {
                read(model.call(calls.request()).await.unwrap()).await;
            }
            calls.assert_released().await;
        }
    });
}

/// A run whose start waits for a thread that another run occupies, until the handler is detached.
#[test]
fn a_handler_without_a_thread_holds_no_state() {
    on_each_runtime(|| async {
        let (let_go, waits) = mpsc::channel::<()>();
        let (waits, starts) = (Mutex::new(waits), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&starts);
        let holds = on_llm_start(move |_, _| {
            counted.fetch_add(1, Ordering::SeqCst);
            waits.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        });
        let holds = Registration::blocking(holds).background().threads(1);
        let callbacks = Callbacks::new().add(holds.deadline(Duration::from_millis(250)));
        let [first, second] = [Calls::new(callbacks.clone()), Calls::new(callbacks)];
        let begin = |calls: &Calls| {
            drop(calls.model(Script::new().hang()).call(calls.request()));
        };
        begin(&first);
        let entered = until(|| starts.load(Ordering::SeqCst) == 1);
        timeout(PATIENCE, entered).await.expect("the handler is not called");
        begin(&second);
        second.assert_released().await;
        let_go.send(()).unwrap();
        first.assert_released().await;
        assert_eq!(starts.load(Ordering::SeqCst), 1, "the second start was never handled");
    });
}

/// A runtime that is shut down while runs are active.
#[test]
fn a_runtime_shutdown_leaves_no_state() {
    for flavor in support::FLAVORS {
        let callbacks =
            MODES.iter().fold(Callbacks::new(), |all, mode| all.add(mode.closure(|_, _| {})));
        let calls = Calls::new(callbacks);
        let runtime = flavor.runtime();
        let streams: Vec<_> = runtime.block_on(async {
            let mut model = calls.model(Script::new().respond().text("a").hang());
            let calls = (0..10).map(|_| model.call(calls.request()));
            let calls = futures::future::join_all(calls.collect::<Vec<_>>());
            timeout(PATIENCE, calls).await.expect("the calls hang")
        });
        drop(runtime);
        drop(streams);
        let count = Arc::downgrade(&calls.requests);
        support::until_blocking(|| count.strong_count() == 1);
    }
}
