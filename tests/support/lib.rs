//! Helpers shared by the tests: every delivery mode, on every kind of runtime.

pub mod http;
pub mod log;
pub mod otel;
pub mod recordings;
pub mod schedule;
pub mod wire;

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::StreamExt;
use tokio::{
    runtime::{Builder, Runtime},
    sync::Semaphore,
    time::timeout,
};
use tower::{BoxError, Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, CallbackLayer, Callbacks, Delivery, ErrorKind, Event,
    EventKind, Fault, LlmResult, Registration, Run,
    chat::{ChatChunk, ChatRequest},
    layer::{CallbackService, CallbackStream},
    on_event, on_event_async,
    testing::{Recorded, Recorder, Script, ScriptedModel, ScriptedStream, assert_promises},
};

/// A test that takes longer counts as hung.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub type Model = CallbackService<ScriptedModel>;
pub type Answer = CallbackStream<ScriptedStream>;

/// How a handler is registered and how its events are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Inline,
    Blocking(Delivery),
    Async(Delivery),
}

pub const MODES: [Mode; 7] = [
    Mode::Inline,
    Mode::Blocking(Delivery::Pipelined),
    Mode::Blocking(Delivery::Lockstep),
    Mode::Blocking(Delivery::Background),
    Mode::Async(Delivery::Pipelined),
    Mode::Async(Delivery::Lockstep),
    Mode::Async(Delivery::Background),
];

impl Mode {
    pub fn handler(self, handler: impl CallbackHandler + AsyncCallbackHandler) -> Registration {
        match self {
            Mode::Inline => Registration::inline(handler),
            Mode::Blocking(delivery) => delivered(Registration::blocking(handler), delivery),
            Mode::Async(delivery) => delivered(Registration::async_handler(handler), delivery),
        }
    }

    /// Registers a closure for all events. An async handler yields before it calls the closure.
    pub fn closure(self, f: impl Fn(&Run, &Event) + Send + Sync + 'static) -> Registration {
        match self {
            Mode::Inline => Registration::inline(on_event(f)),
            Mode::Blocking(delivery) => delivered(Registration::blocking(on_event(f)), delivery),
            Mode::Async(delivery) => {
                let f = Arc::new(f);
                let handler = on_event_async(move |run, event| {
                    let f = Arc::clone(&f);
                    async move {
                        tokio::task::yield_now().await;
                        f(&run, &event);
                    }
                });
                delivered(Registration::async_handler(handler), delivery)
            }
        }
    }

    pub fn is_awaited(self) -> bool {
        !matches!(self, Mode::Inline | Mode::Blocking(Delivery::Background))
            && self != Mode::Async(Delivery::Background)
    }

    pub fn is_async(self) -> bool {
        matches!(self, Mode::Async(_))
    }
}

fn delivered(handler: Registration, delivery: Delivery) -> Registration {
    match delivery {
        Delivery::Lockstep => handler.lockstep(),
        Delivery::Background => handler.background(),
        _ => handler.pipelined(),
    }
}

/// Collects faults.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<Fault>>>);

impl Faults {
    pub fn hook(&self) -> impl Fn(&Fault) + Send + Sync + 'static {
        let faults = Arc::clone(&self.0);
        move |fault| faults.lock().unwrap().push(fault.clone())
    }

    pub fn all(&self) -> Vec<Fault> {
        self.0.lock().unwrap().clone()
    }

    /// Returns the only fault. Panics if there is not exactly one.
    #[track_caller]
    pub fn one(&self) -> Fault {
        let faults = self.all();
        assert_eq!(faults.len(), 1, "{faults:#?}");
        faults[0].clone()
    }

    #[track_caller]
    pub fn none(&self) {
        assert!(self.all().is_empty(), "{:#?}", self.all());
    }
}

/// One recorder per delivery mode.
#[derive(Clone)]
pub struct Recorders {
    pub callbacks: Callbacks,
    pub each: Vec<(Mode, Recorder)>,
    pub faults: Faults,
}

impl Recorders {
    pub fn new(modes: &[Mode]) -> Self {
        let faults = Faults::default();
        let recorders: Vec<_> = modes.iter().map(|mode| (*mode, Recorder::new())).collect();
        let callbacks = Callbacks::new().on_fault(faults.hook());
        let callbacks = recorders
            .iter()
            .fold(callbacks, |all, (mode, recorder)| all.add(mode.handler(recorder.clone())));
        Self { callbacks, each: recorders, faults }
    }

    /// Adds a handler, which is notified last.
    pub fn with(mut self, handler: Registration) -> Self {
        self.callbacks = self.callbacks.add(handler);
        self
    }

    pub fn layer(&self) -> CallbackLayer {
        CallbackLayer::new(self.callbacks.clone())
    }

    pub fn model(&self, script: Script) -> (ScriptedModel, Model) {
        let model = ScriptedModel::new(script);
        (model.clone(), self.layer().layer(model))
    }

    /// Returns the terminal event of the only run, after every recorder has received it. All recorders must
    /// agree.
    pub async fn ended(&self, kind: Option<ErrorKind>) -> Recorded {
        let flushed = self.callbacks.flush(PATIENCE).await;
        assert!(flushed.is_complete(), "{flushed:?}");
        self.faults.none();
        self.each
            .iter()
            .map(|(mode, recorder)| only_terminal(*mode, recorder, kind))
            .reduce(|first, other| {
                assert_eq!(first.result(), other.result());
                assert_eq!(first.error(), other.error());
                first
            })
            .expect("at least one recorder")
    }

    /// Asserts that no run was started.
    pub fn nothing(&self) {
        for (mode, recorder) in &self.each {
            assert!(recorder.events().is_empty(), "{mode:?}: {:?}", recorder.kinds());
        }
    }
}

/// Returns the terminal event of the only run, after a check of the promises and of the durations.
#[track_caller]
pub fn only_terminal(mode: Mode, recorder: &Recorder, kind: Option<ErrorKind>) -> Recorded {
    let events = recorder.events();
    assert_promises(&events);
    assert_eq!(recorder.run_ids().len(), 1, "{mode:?}");
    assert_eq!(events[0].kind(), EventKind::LlmStart, "{mode:?}");
    let terminals = recorder.terminals();
    assert_eq!(terminals.len(), 1, "{mode:?}: {:?}", recorder.kinds());
    let terminal = terminals[0].clone();
    assert_eq!(terminal.error().map(|error| error.kind()), kind, "{mode:?}: {terminal:?}");
    let result = terminal.result().expect("a result");
    let first = result.time_to_first_token;
    assert_eq!(first.is_some(), result.tokens > 0, "{mode:?}");
    assert!(first.unwrap_or_default() <= result.duration, "{mode:?}");
    terminal
}

/// Compares two results, except for their durations.
#[track_caller]
pub fn assert_same_answer(result: &LlmResult, expected: &LlmResult) {
    assert_eq!(result.choices, expected.choices);
    assert_eq!(result.usage, expected.usage);
    assert_eq!(result.model, expected.model);
    assert_eq!(result.response_id, expected.response_id);
    assert_eq!(result.tokens, expected.tokens);
    assert_eq!(result.streamed, expected.streamed);
    assert_eq!(result.dropped_tokens, 0);
}

#[derive(Debug, Clone, Copy)]
pub enum Flavor {
    Current,
    Multi,
}

pub const FLAVORS: [Flavor; 2] = [Flavor::Current, Flavor::Multi];

impl Flavor {
    pub fn builder(self) -> Builder {
        match self {
            Flavor::Current => Builder::new_current_thread(),
            Flavor::Multi => {
                let mut builder = Builder::new_multi_thread();
                builder.worker_threads(2);
                builder
            }
        }
    }

    pub fn runtime(self) -> Runtime {
        self.builder().enable_all().build().unwrap()
    }
}

/// Runs a test in a task on each kind of runtime. A test that hangs fails.
pub fn on_each_runtime<F, Fut>(test: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    for flavor in FLAVORS {
        println!("on {flavor:?}");
        let runtime = flavor.runtime();
        let outcome = runtime.block_on(async { timeout(PATIENCE, tokio::spawn(test())).await });
        runtime.shutdown_background();
        outcome.expect("the test hangs").expect("the test fails");
    }
}

/// Runs a test with each mode alone and with all modes at once, on each kind of runtime.
pub fn everywhere<F, Fut>(test: F)
where
    F: Fn(Recorders) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    for modes in MODES.chunks(1).chain([&MODES[..]]) {
        println!("modes {modes:?}");
        on_each_runtime(|| test(Recorders::new(modes)));
    }
}

/// Runs a test for each mode, on each kind of runtime.
pub fn in_each_mode<F, Fut>(test: F)
where
    F: Fn(Mode) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    for mode in MODES {
        println!("in mode {mode:?}");
        on_each_runtime(|| test(mode));
    }
}

pub fn request() -> ChatRequest {
    ChatRequest::new("any").user("Hi")
}

pub async fn call(model: &mut Model) -> Result<Answer, BoxError> {
    model.ready().await?.call(request()).await
}

/// Reads a stream to its end. Returns the chunks and the error that ended it.
pub async fn read<S>(stream: S) -> (Vec<ChatChunk>, Option<BoxError>)
where
    S: futures::Stream<Item = Result<ChatChunk, BoxError>>,
{
    let mut stream = std::pin::pin!(stream);
    let mut chunks = Vec::new();
    while let Some(item) = stream.next().await {
        match item {
            Ok(chunk) => chunks.push(chunk),
            Err(error) => return (chunks, Some(error)),
        }
    }
    (chunks, None)
}

/// Holds up a call: an awaited handler that waits in one kind of event until the gate opens.
#[derive(Clone)]
pub struct Gate {
    entered: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gate {
    pub fn new() -> Self {
        Self { entered: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(0)) }
    }

    pub fn at(&self, kind: EventKind) -> Registration {
        let gate = self.clone();
        Registration::async_handler(on_event_async(move |_run, event| {
            let gate = gate.clone();
            async move {
                if event.kind() == kind {
                    gate.entered.add_permits(1);
                    gate.open.acquire().await.unwrap().forget();
                }
            }
        }))
    }

    pub async fn entered(&self) {
        self.entered.acquire().await.unwrap().forget();
    }

    pub fn open(&self) {
        self.open.add_permits(Semaphore::MAX_PERMITS / 2);
    }
}

/// Returns a handler that collects the runs it is notified of.
pub fn runs() -> (Registration, Arc<Mutex<Vec<Run>>>) {
    let runs = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&runs);
    let handler = on_event(move |run: &Run, event: &Event| {
        if event.kind().is_start() {
            seen.lock().unwrap().push(run.clone());
        }
    });
    (Registration::inline(handler), runs)
}

/// Waits until a condition holds. The caller bounds the time.
pub async fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Waits on a thread until a condition holds.
#[track_caller]
pub fn until_blocking(mut condition: impl FnMut() -> bool) {
    let waited = AtomicUsize::new(0);
    while !condition() {
        assert!(waited.fetch_add(1, Ordering::Relaxed) < 20_000, "the condition never holds");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Returns the payload of the panic that a closure ends in.
pub fn panic_of<T>(f: impl FnOnce() -> T) -> Box<dyn std::any::Any + Send> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("the closure does not panic"),
        Err(payload) => payload,
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
