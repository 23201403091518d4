//! Promises 5 and 7: what a call leaves is dropped inside its run, and handlers are dropped where they may block and panic.

use std::{
    future::{Future, pending},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    thread::{self, ThreadId},
    time::Duration,
};

use futures::{FutureExt, Stream, StreamExt};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use support::{
    Flavor, MODES, PATIENCE, call,
    http::{answered, event_stream},
    in_each_mode, on_each_runtime,
};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, CallbackLayer, Callbacks, Delta, HttpCallbackLayer,
    InCurrentRun, LlmStart, Registration, Run, RunConfig, RunLayer,
    chat::ChatRequest,
    emit,
    testing::{Recorder, Script, ScriptedModel},
};

/// Notes the run that it is dropped in, and emits there.
#[derive(Clone, Default)]
struct Dropped {
    made: Arc<AtomicUsize>,
    runs: Arc<Mutex<Vec<Option<String>>>>,
}

struct Guard(Dropped);

impl Dropped {
    fn guard(&self) -> Guard {
        self.made.fetch_add(1, Ordering::SeqCst);
        Guard(self.clone())
    }

    fn all(&self) -> Vec<Option<String>> {
        std::mem::take(&mut self.runs.lock().unwrap())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = emit("clean-up", 1);
        self.0.runs.lock().unwrap().push(Run::current().map(|run| run.name().to_owned()));
    }
}

/// A future, stream or body that never ends and holds a guard.
struct Hangs(#[expect(dead_code, reason = "only dropped")] Guard, u32);

impl Future for Hangs {
    type Output = Result<Hangs, BoxError>;
    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Pending
    }
}

impl Stream for Hangs {
    type Item = Result<Delta<'static>, BoxError>;
    fn poll_next(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.1 == 0 {
            return Poll::Pending;
        }
        self.1 -= 1;
        Poll::Ready(Some(Ok(if self.1 == 0 { Delta::Done } else { Delta::text("a") })))
    }
}

impl Body for Hangs {
    type Data = bytes::Bytes;
    type Error = BoxError;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, BoxError>>> {
        if self.1 == 0 {
            return Poll::Pending;
        }
        self.1 -= 1;
        Poll::Ready(Some(Ok(Frame::data("x".into()))))
    }
}

/// Drops a value within another run.
async fn drop_elsewhere<T>(value: T) {
    RunLayer::chain("elsewhere")
        .callbacks(Callbacks::new().inline(Recorder::new()))
        .run(async move {
            drop(value);
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
}

#[test]
fn inner_calls_are_dropped_inside_their_run() {
    in_each_mode(|mode| async move {
        let (dropped, recorder) = (Dropped::default(), Recorder::new());
        let callbacks = || Callbacks::new().add(mode.handler(recorder.clone()));
        let own = || vec![Some("own".to_owned())];

        // A future, before and after its first poll, dropped in another run.
        let guards = dropped.clone();
        let model = service_fn(move |_: ChatRequest| Hangs(guards.guard(), 0));
        let layer = CallbackLayer::new(callbacks()).name("own");
        let mut future = Box::pin(layer.layer(model).oneshot(support::request()));
        // With a handler that is awaited, the inner call takes a moment.
        while dropped.made.load(Ordering::SeqCst) == 0 {
            assert!((&mut future).now_or_never().is_none());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop_elsewhere(future).await;
        assert_eq!(dropped.all(), own(), "{mode:?}");

        // A stream, at each item: before, in, and after the run.
        for taken in 0..=2 {
            let guards = dropped.clone();
            let model = service_fn(move |_: ChatRequest| {
                let stream = Hangs(guards.guard(), 2);
                async move { Ok::<_, BoxError>(stream) }
            });
            let mut service = CallbackLayer::new(callbacks()).name("own").layer(model);
            let mut stream = service.ready().await.unwrap().call(support::request()).await.unwrap();
            for _ in 0..taken {
                stream.next().await.unwrap().unwrap();
            }
            drop_elsewhere(stream).await;
            assert_eq!(dropped.all(), own(), "{mode:?}, {taken}");
        }

        // A body.
        for taken in 0..=1 {
            let guards = dropped.clone();
            let layer = HttpCallbackLayer::new(callbacks()).name("own");
            let answer = || event_stream(Hangs(guards.guard(), 1));
            let mut body = answered(&layer, answer).await.into_body();
            for _ in 0..taken {
                body.frame().await.unwrap().unwrap();
            }
            drop_elsewhere(body).await;
            assert_eq!(dropped.all(), own(), "{mode:?}, {taken}");
        }

        // A chain's future.
        let guard = dropped.guard();
        let chain = RunLayer::chain("own").callbacks(callbacks());
        let mut future = Box::pin(chain.run(async move {
            let _guard = guard;
            pending::<Result<(), BoxError>>().await
        }));
        assert!((&mut future).now_or_never().is_none());
        drop_elsewhere(future).await;
        assert_eq!(dropped.all(), own(), "{mode:?}");
        assert!(callbacks().flush(PATIENCE).await.is_complete());
    });
}

#[test]
fn wrappers_are_dropped_inside_their_run() {
    on_each_runtime(|| async {
        let dropped = Dropped::default();
        let callbacks = Callbacks::new().inline(Recorder::new());
        let work = RunLayer::chain("own").callbacks(callbacks).run({
            let dropped = dropped.clone();
            async move {
                let guards = [dropped.guard(), dropped.guard(), dropped.guard()];
                let [future, closure, configured] = guards;
                let future = async move { drop(future) }.in_current_run();
                let closure = (move || drop(closure)).in_current_run();
                let configured =
                    RunConfig::new().tags(["a"]).scope(async move { drop(configured) });
                Ok::<_, BoxError>((future, closure, configured))
            }
        });
        let (future, closure, configured) = work.await.unwrap();
        drop_elsewhere(future).await;
        drop_elsewhere(closure).await;
        drop_elsewhere(configured).await;
        assert_eq!(dropped.all(), vec![Some("own".to_owned()); 3]);
    });
}

/// A handler whose drop needs a thread of its own: it panics, and owns a runtime.
struct Heavy {
    thread: Arc<Mutex<Option<ThreadId>>>,
    _runtime: tokio::runtime::Runtime,
}

impl CallbackHandler for Heavy {}
impl AsyncCallbackHandler for Heavy {}

impl Drop for Heavy {
    fn drop(&mut self) {
        *self.thread.lock().unwrap() = Some(thread::current().id());
        panic!("scripted panic in a drop");
    }
}

/// The last reference to the handler is the run's, and goes with it on the consumer's task.
#[test]
fn a_handler_is_not_dropped_on_the_consumers_task() {
    support::quiet_panics();
    in_each_mode(|mode| async move {
        let dropped_on = Arc::default();
        let heavy = Heavy { thread: Arc::clone(&dropped_on), _runtime: Flavor::Multi.runtime() };
        let callbacks = Callbacks::new().add(mode.handler(heavy));
        let model = ScriptedModel::new(Script::answer(["a"]).hang());
        let mut model = CallbackLayer::new(callbacks.clone()).layer(model);
        let stream = call(&mut model).await.unwrap();
        drop((callbacks, model));
        let consumer = thread::current().id();
        drop(stream);
        let dropped = || dropped_on.lock().unwrap().is_some_and(|id| id != consumer);
        tokio::time::timeout(PATIENCE, support::until(dropped)).await.expect("it is not dropped");
    });
}

/// Not even while the consumer panics.
#[test]
fn a_handlers_drop_does_not_abort_an_unwinding_process() {
    support::quiet_panics();
    on_each_runtime(|| async {
        for mode in MODES {
            let dropped_on = Arc::default();
            let heavy =
                Heavy { thread: Arc::clone(&dropped_on), _runtime: Flavor::Multi.runtime() };
            let callbacks = Callbacks::new().add(mode.handler(heavy));
            let consumer = tokio::spawn(async move {
                let model = ScriptedModel::new(Script::answer(["a"]));
                let mut model = CallbackLayer::new(callbacks).layer(model);
                let _stream = call(&mut model).await.unwrap();
                panic!("scripted panic of the consumer");
            });
            assert!(consumer.await.unwrap_err().is_panic());
            support::until(|| dropped_on.lock().unwrap().is_some()).await;
        }
    });
}

/// Outside of any runtime a handler is dropped at once, and its panic is caught.
#[test]
fn a_handler_is_dropped_at_once_outside_of_a_runtime() {
    support::quiet_panics();
    let dropped_on = Arc::default();
    let heavy = Heavy { thread: Arc::clone(&dropped_on), _runtime: Flavor::Current.runtime() };
    drop(Callbacks::new().blocking(heavy));
    assert_eq!(*dropped_on.lock().unwrap(), Some(thread::current().id()));
}

/// What an async handler's future has is dropped as the handler's code: calls that it makes do not notify the handler.
#[test]
fn a_handlers_future_is_dropped_in_its_scope() {
    struct Asks(Arc<Mutex<Option<support::Model>>>);
    impl Drop for Asks {
        fn drop(&mut self) {
            let model = self.0.lock().unwrap().clone();
            // The first poll starts a run.
            let _ = model.unwrap().call(support::request()).now_or_never();
        }
    }
    struct Hears(Arc<Mutex<Option<support::Model>>>, Arc<AtomicUsize>);
    impl AsyncCallbackHandler for Hears {
        async fn on_llm_start(&self, _run: &Run, _start: &LlmStart) {
            let heard = self.1.fetch_add(1, Ordering::SeqCst);
            assert!(heard < 20, "the handler hears itself");
            let _asks = Asks(Arc::clone(&self.0));
            pending::<()>().await;
        }
    }
    on_each_runtime(|| async {
        let (model, heard) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
        let hears = Registration::async_handler(Hears(Arc::clone(&model), Arc::clone(&heard)));
        let callbacks = Callbacks::new().add(hears.deadline(Duration::from_millis(20)));
        let scripted = ScriptedModel::new(Script::answer(["a"]));
        let mut first = CallbackLayer::new(callbacks.clone()).layer(scripted);
        *model.lock().unwrap() = Some(first.clone());
        let answer = call(&mut first).await.unwrap();
        answer.collect::<Vec<_>>().await;
        assert!(callbacks.flush(PATIENCE).await.is_complete());
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(heard.load(Ordering::SeqCst), 1);
        // The model refers to the handler.
        model.lock().unwrap().take();
    });
}
