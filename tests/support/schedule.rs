//! Helpers of the tests of order, phases and bounds: bounded waits, gates, and handlers that stop at gates.

use std::{
    future::Future,
    panic,
    sync::{Arc, Condvar, Mutex, Once, PoisonError},
    time::Duration,
};

use futures::{Stream, StreamExt};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tower::{BoxError, Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, CallbackLayer, Callbacks, ErrorKind, Event, EventKind,
    Registration, Run,
    chat::{ChatChunk, ChatRequest},
    layer::CallbackService,
    on_llm_start,
    testing::{Recorder, Script, ScriptedModel, assert_promises},
};

/// A future that takes longer counts as hung.
pub const LIMIT: Duration = Duration::from_secs(20);

/// Awaits a future, for at most [`LIMIT`].
#[track_caller]
pub fn within<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let at = panic::Location::caller();
    async move {
        match timeout(LIMIT, future).await {
            Ok(output) => output,
            Err(_) => panic!("hangs: {at}"),
        }
    }
}

/// Waits until a condition holds.
#[track_caller]
pub fn until(mut condition: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let condition = async move {
        while !condition() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    within(condition)
}

/// A barrier for handlers, on threads and in tasks. Dropping it opens it, so that a failing test leaves no
/// thread behind.
#[derive(Debug, Default)]
pub struct Gate(Arc<GateInner>);

#[derive(Debug, Default)]
struct GateInner {
    open: Mutex<bool>,
    opened: Condvar,
    watch: watch::Sender<bool>,
}

/// The waiting side of a [`Gate`].
#[derive(Debug, Clone)]
pub struct Waiter(Arc<GateInner>);

impl Gate {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn waiter(&self) -> Waiter {
        Waiter(Arc::clone(&self.0))
    }

    pub fn open(&self) {
        *self.0.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.opened.notify_all();
        self.0.watch.send_replace(true);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}

impl Waiter {
    pub fn wait(&self) {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        while !*open {
            open = self.0.opened.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub async fn passed(&self) {
        let mut watch = self.0.watch.subscribe();
        watch.wait_for(|open| *open).await.expect("the gate outlives its waiters");
    }
}

/// A handler that records an event and then waits at a gate, on one kind of event or on all. `returned`
/// records the events that it has returned from.
#[derive(Debug, Clone)]
pub struct Stuck {
    pub recorder: Recorder,
    pub returned: Recorder,
    waiter: Waiter,
    at: Option<EventKind>,
}

impl Stuck {
    /// Waits at one kind of event.
    pub fn at(kind: EventKind, gate: &Gate) -> Self {
        Self { at: Some(kind), ..Self::always(gate) }
    }

    /// Waits at every event.
    pub fn always(gate: &Gate) -> Self {
        let (recorder, returned) = (Recorder::new(), Recorder::new());
        Self { recorder, returned, waiter: gate.waiter(), at: None }
    }

    fn waits(&self, event: &Event) -> bool {
        self.at.is_none_or(|kind| kind == event.kind())
    }
}

impl CallbackHandler for Stuck {
    fn on_event(&self, run: &Run, event: &Event) {
        CallbackHandler::on_event(&self.recorder, run, event);
        if self.waits(event) {
            self.waiter.wait();
        }
        CallbackHandler::on_event(&self.returned, run, event);
    }
}

impl AsyncCallbackHandler for Stuck {
    async fn on_event(&self, run: &Run, event: &Event) {
        AsyncCallbackHandler::on_event(&self.recorder, run, event).await;
        if self.waits(event) {
            self.waiter.passed().await;
        }
        AsyncCallbackHandler::on_event(&self.returned, run, event).await;
    }
}

/// A way to register a handler: blocking or async, and its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Inline,
    Blocking(Way),
    Async(Way),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Pipelined,
    Lockstep,
    Background,
}

impl Mode {
    pub const ALL: [Mode; 7] = [
        Mode::Inline,
        Mode::Blocking(Way::Pipelined),
        Mode::Blocking(Way::Lockstep),
        Mode::Blocking(Way::Background),
        Mode::Async(Way::Pipelined),
        Mode::Async(Way::Lockstep),
        Mode::Async(Way::Background),
    ];

    /// The modes that the three phases wait for, without the inline one.
    pub const AWAITED: [Mode; 4] = [
        Mode::Blocking(Way::Pipelined),
        Mode::Blocking(Way::Lockstep),
        Mode::Async(Way::Pipelined),
        Mode::Async(Way::Lockstep),
    ];

    pub const BACKGROUND: [Mode; 2] =
        [Mode::Blocking(Way::Background), Mode::Async(Way::Background)];

    pub fn handler<H: CallbackHandler + AsyncCallbackHandler>(self, handler: H) -> Registration {
        self.way(match self {
            Mode::Inline => Registration::inline(handler),
            Mode::Blocking(_) => Registration::blocking(handler),
            Mode::Async(_) => Registration::async_handler(handler),
        })
    }

    /// Sets the delivery of a registration.
    pub fn way(self, handler: Registration) -> Registration {
        match self {
            Mode::Inline => handler,
            Mode::Blocking(way) | Mode::Async(way) => match way {
                Way::Pipelined => handler.pipelined(),
                Way::Lockstep => handler.lockstep(),
                Way::Background => handler.background(),
            },
        }
    }
}

/// Returns a scripted model, bare and wrapped in callbacks.
pub fn wrap(
    callbacks: &Callbacks,
    script: Script,
) -> (ScriptedModel, CallbackService<ScriptedModel>) {
    let model = ScriptedModel::new(script);
    let wrapped = CallbackLayer::new(callbacks.clone()).layer(model.clone());
    (model, wrapped)
}

pub fn request() -> ChatRequest {
    ChatRequest::new("scripted").user("Hi")
}

/// Calls a service and reads the answer to its end.
pub async fn ask<S, St>(service: &mut S) -> Result<Vec<Result<ChatChunk, BoxError>>, BoxError>
where
    S: Service<ChatRequest, Response = St, Error = BoxError>,
    St: Stream<Item = Result<ChatChunk, BoxError>>,
{
    let answer = service.ready().await?.call(request()).await?;
    Ok(Box::pin(answer).collect().await)
}

/// Flushes. Everything must have been handled.
pub async fn flushed(callbacks: &Callbacks) {
    let report = callbacks.flush(LIMIT).await;
    assert!(report.is_complete(), "{report:?}");
}

/// A script of an answer with this many tokens: `0 `, `1 ` …
pub fn counting(tokens: usize) -> Script {
    Script::answer((0..tokens).map(|n| format!("{n} ")))
}

/// Runs a test on a runtime with one thread and on one with several.
pub fn on_both_runtimes<F: Future<Output = ()>>(test: impl Fn() -> F) {
    let single = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    single.block_on(within(test()));
    let mut several = tokio::runtime::Builder::new_multi_thread();
    several.worker_threads(3).enable_all().build().unwrap().block_on(within(test()));
}

/// Hides the panics that a test scripts.
pub fn quiet_panics() {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let text = info.payload().downcast_ref::<&str>();
            if !text.is_some_and(|text| text.starts_with("scripted")) {
                loud(info);
            }
        }));
    });
}

/// Returns a handler that keeps the run of a call, and the place where it keeps it.
pub fn keep_run() -> (Arc<Mutex<Option<Run>>>, Registration) {
    let kept = Arc::new(Mutex::new(None));
    let keep = kept.clone();
    let handler = Registration::inline(on_llm_start(move |run, _| {
        *keep.lock().unwrap() = Some(run.clone());
    }));
    (kept, handler)
}

#[track_caller]
pub fn kept(run: &Mutex<Option<Run>>) -> Run {
    run.lock().unwrap().clone().expect("a run has started")
}

/// Returns a recorder and a layer that notifies it, in an awaited mode or inline.
pub fn layer(mode: Mode) -> (Recorder, CallbackLayer) {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().add(mode.handler(recorder.clone()));
    (recorder, CallbackLayer::new(callbacks))
}

pub const MODES: [Mode; 3] = [Mode::Inline, Mode::AWAITED[0], Mode::AWAITED[3]];

/// Calls once. The answer must be complete.
pub async fn completes<S, St>(service: &mut S)
where
    S: Service<ChatRequest, Response = St, Error = BoxError>,
    St: Stream<Item = Result<ChatChunk, BoxError>>,
{
    let items = within(ask(service)).await.unwrap();
    assert_eq!(items.len(), 5);
    assert!(items.iter().all(Result::is_ok));
}

/// Asserts that the recorder has seen one complete run of a three-token answer.
pub fn assert_one_answer(recorder: &Recorder) {
    assert_promises(&recorder.events());
    assert_eq!(recorder.run_ids().len(), 1);
    assert_eq!(recorder.text(), "0 1 2 ");
    assert_eq!(recorder.kinds().last(), Some(&EventKind::LlmEnd));
}

pub fn only_error(recorder: &Recorder) -> ErrorKind {
    assert_promises(&recorder.events());
    let terminals = recorder.terminals();
    assert_eq!(terminals.len(), 1);
    terminals[0].error().expect("the run failed").kind()
}
