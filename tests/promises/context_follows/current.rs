//! The current run, and where there is no current run.

use std::{
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::Poll,
};

use futures::{FutureExt, Stream, StreamExt, future::join, stream};
use support::{
    Recorders, call, everywhere, in_each_mode, on_each_runtime, panic_of, read, request, runs,
};
use tokio::task::yield_now;
use tower::{BoxError, Layer, Service};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, ErrorKind, InCurrentRun, Registration, Run,
    chat::ChatChunk,
    emit, on_event_async,
    testing::{Recorder, Script, ScriptedModel, assert_promises},
};
use uuid::Uuid;

use super::{Agent, chunks};

fn current() -> Option<Uuid> {
    Run::current().map(|run| run.run_id())
}

/// Returns a run that has ended.
pub(crate) fn some_run() -> Run {
    let (handler, runs) = runs();
    let layer = CallbackLayer::new(Callbacks::new().add(handler));
    drop(layer.layer(ScriptedModel::new(Script::new().hang())).call(request()));
    let run = runs.lock().unwrap().pop();
    run.unwrap()
}

#[test]
fn the_run_is_current_in_the_inner_call_future_and_stream() {
    everywhere(|recorders| async move {
        assert_eq!(current(), None);
        let seen: Arc<Mutex<Vec<Option<Uuid>>>> = Arc::default();
        let noted = Arc::clone(&seen);
        let note = move || noted.lock().unwrap().push(current());
        let inner = Agent::new(move |_| {
            note();
            let note = note.clone();
            async move {
                note();
                yield_now().await;
                note();
                let mut left = chunks();
                let noting = stream::poll_fn(move |cx| {
                    note();
                    left.poll_next_unpin(cx)
                });
                noting.boxed()
            }
        });
        let mut service = recorders.layer().layer(inner);
        let future = service.call(request());
        assert_eq!(current(), None, "after the call");
        let mut stream = pin!(future.await.unwrap());
        assert_eq!(current(), None, "after the response");
        while stream.next().await.is_some() {
            assert_eq!(current(), None, "between items");
        }
        let run_id = recorders.ended(None).await.run_id;
        // In the call, twice in the future, and for two chunks and the end of the stream.
        assert_eq!(*seen.lock().unwrap(), [Some(run_id); 6]);
    });
}

/// Also if the emitting code is inside a run.
#[test]
fn no_run_is_current_in_a_handler_of_any_mode() {
    in_each_mode(|mode| async move {
        let seen: Arc<Mutex<Vec<Option<Uuid>>>> = Arc::default();
        let notes = Arc::clone(&seen);
        let mut recorders = Recorders::new(&[mode]).with(mode.closure(move |_, _| {
            notes.lock().unwrap().push(current());
            assert!(emit("in a handler", 1).is_err());
        }));
        if mode.is_async() {
            // Before its first await, the stream itself may poll the handler.
            let notes = Arc::clone(&seen);
            recorders = recorders.with(Registration::async_handler(on_event_async(move |_, _| {
                notes.lock().unwrap().push(current());
                std::future::ready(())
            })));
        }
        let inner = Agent::new(|_| async {
            emit("in the future", 1).unwrap();
            let emits = stream::once(async {
                emit("in the stream", 2).unwrap();
                Ok::<_, BoxError>(ChatChunk::text("a"))
            });
            emits.chain(chunks()).boxed()
        });
        let mut service = recorders.layer().layer(inner);
        // Called and polled inside another run, so handlers are notified there.
        let outer = some_run();
        let future = outer.scope(|| service.call(request()));
        let reading = async { read(future.await.unwrap()).await };
        let (got, error) = reading.in_run(&outer).await;
        assert_eq!((got.len(), error.is_none()), (3, true));
        recorders.ended(None).await;
        let seen = seen.lock().unwrap();
        let handlers = if mode.is_async() { 2 } else { 1 };
        assert_eq!(seen.len(), 6 * handlers, "{seen:?}");
        assert!(seen.iter().all(Option::is_none), "{seen:?}");
    });
}

/// A drop inside another run emits the terminal.
#[test]
fn no_run_is_current_in_a_handler_notified_by_a_drop() {
    in_each_mode(|mode| async move {
        let seen: Arc<Mutex<Vec<Option<Uuid>>>> = Arc::default();
        let notes = Arc::clone(&seen);
        let recorders = Recorders::new(&[mode])
            .with(mode.closure(move |_, _| notes.lock().unwrap().push(current())));
        let (_, mut model) = recorders.model(Script::new().respond().hang());
        let stream = call(&mut model).await.unwrap();
        some_run().scope(|| drop(stream));
        recorders.ended(Some(ErrorKind::Cancelled)).await;
        assert_eq!(*seen.lock().unwrap(), [None; 2]);
    });
}

/// One task polls the streams of two runs in alternating order.
#[test]
fn alternately_polled_runs_do_not_see_each_other() {
    on_each_runtime(|| async {
        let recorder = Recorder::new();
        let layer = CallbackLayer::new(Callbacks::new().inline(recorder.clone()));
        let mut service = layer.layer(Agent::new(|_| async {
            let own = current().expect("a run");
            yield_now().await;
            assert_eq!(current(), Some(own));
            let mut count = 0;
            let numbers = stream::poll_fn(move |cx| {
                assert_eq!(current(), Some(own));
                count += 1;
                if count % 3 == 0 {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                let done = if count == 100 { ChatChunk::Done } else { ChatChunk::text("a") };
                Poll::Ready((count <= 100).then_some(Ok::<_, BoxError>(done)))
            });
            numbers.boxed()
        }));
        let (one, other) = (service.call(request()), service.call(request()));
        let (one, other) = join(one.boxed(), other.boxed()).await;
        let (mut one, mut other) = (Box::pin(one.unwrap()), Box::pin(other.unwrap()));
        let (mut turn, mut ended) = (0, [false; 2]);
        std::future::poll_fn(|cx| {
            while ended != [true; 2] {
                turn += 1;
                // 0, 1, 0, 1, 1, 0, 0 …
                let which = (turn ^ (turn >> 2)) & 1;
                let stream: Pin<&mut dyn Stream<Item = _>> =
                    if which == 0 { one.as_mut() } else { other.as_mut() };
                ended[which] |= matches!(stream.poll_next(cx), Poll::Ready(None));
                assert_eq!(current(), None);
            }
            Poll::Ready(())
        })
        .await;
        let ids = recorder.run_ids();
        assert_eq!(ids.len(), 2);
        assert_promises(&recorder.events());
        assert!(recorder.events().iter().all(|event| event.parent_run_id.is_none()));
    });
}

/// The inner call, its future or its stream panics: the run around the call is current again.
#[test]
fn a_panic_restores_the_current_run() {
    let in_the_call = Agent::new(|_| panic_inside_a_run(std::future::ready(chunks())));
    let in_the_future = Agent::new(|_| async { panic_inside_a_run(chunks()) });
    let in_the_stream = Agent::new(|_| async {
        stream::once(async { panic_inside_a_run(Ok(ChatChunk::Done)) }).boxed()
    });
    for inner in [in_the_call, in_the_future, in_the_stream] {
        everywhere(move |recorders| {
            let mut service = recorders.layer().layer(inner.clone());
            async move {
                let outer = some_run();
                let around = async {
                    let calls = async { read(service.call(request()).await.unwrap()).await };
                    assert!(AssertUnwindSafe(calls).catch_unwind().await.is_err());
                    assert_eq!(current(), Some(outer.run_id()));
                };
                around.in_run(&outer).await;
                assert_eq!(current(), None);
                drop(service);
                recorders.ended(Some(ErrorKind::Panic)).await;
            }
        });
    }
}

fn panic_inside_a_run<T>(value: T) -> T {
    assert!(Run::current().is_none(), "scripted: there is a current run");
    value
}

#[test]
fn a_panic_in_a_scope_restores_the_current_run() {
    let (one, other) = (some_run(), some_run());
    one.scope(|| {
        panic_of(|| other.scope(|| panic!("in a scope")));
        assert_eq!(current(), Some(one.run_id()));
    });
    assert_eq!(current(), None);
}
