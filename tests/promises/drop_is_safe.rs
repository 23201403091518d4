//! Promise 7, drop is safe: dropping a call, anywhere and at any time, neither panics nor blocks, drops the
//! inner call at once, and still delivers the terminal event.

use std::{
    any::Any,
    cell::RefCell,
    panic::resume_unwind,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use futures::{StreamExt, poll};
use support::{
    FLAVORS, Flavor, Gate, MODES, Mode, PATIENCE, Recorders, call, everywhere, on_each_runtime,
    panic_of, request, runs,
};
use tower::{Service, ServiceExt};
use tower_llm_callbacks::{
    Delivery, ErrorKind, Event, EventKind, Registration, Run, on_event,
    testing::{Recorder, Script, ScriptedModel, assert_promises},
};

/// A future or a stream.
type Call = Box<dyn Any + Send>;

/// The progress of a call when it is dropped.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    Unpolled,
    Starting,
    Calling,
    Responded,
    Midway,
    Draining,
    AfterTheEndMark,
    Ended,
}

const STAGES: [Stage; 8] = [
    Stage::Unpolled,
    Stage::Starting,
    Stage::Calling,
    Stage::Responded,
    Stage::Midway,
    Stage::Draining,
    Stage::AfterTheEndMark,
    Stage::Ended,
];

/// Returns a call at a stage, its model, and the gate that may hold it there.
async fn staged(stage: Stage, recorders: &mut Recorders) -> (Call, ScriptedModel, Gate) {
    let gate = Gate::new();
    let at = match stage {
        Stage::Starting => EventKind::LlmStart,
        Stage::Draining => EventKind::LlmNewToken,
        _ => EventKind::Custom,
    };
    *recorders = recorders.clone().with(gate.at(at));
    let script = Script::new().respond().text("a").text("b");
    let script = match stage {
        Stage::Calling => Script::new().hang().respond(),
        Stage::Midway => script.hang(),
        Stage::AfterTheEndMark => script.complete("stop").hang(),
        _ => script.complete("stop"),
    };
    let (inner, mut model) = recorders.model(script);
    let future = model.ready().await.unwrap().call(request());
    if stage == Stage::Unpolled {
        return (Box::new(future), inner, gate);
    }
    let mut future = Box::pin(future);
    if matches!(stage, Stage::Starting | Stage::Calling) {
        let reached = || stage == Stage::Starting || inner.calls() == 1;
        loop {
            assert!(poll!(&mut future).is_pending());
            if reached() {
                assert!(poll!(&mut future).is_pending());
                return (Box::new(future), inner, gate);
            }
            tokio::task::yield_now().await;
        }
    }
    let mut stream = future.await.unwrap();
    let items = match stage {
        Stage::Responded => 0,
        Stage::Midway => 2,
        Stage::Ended => 5,
        _ => 4,
    };
    for _ in 0..items {
        drop(stream.next().await);
    }
    if stage == Stage::Draining {
        assert!(poll!(stream.next()).is_pending());
    }
    (Box::new(stream), inner, gate)
}

/// Where a call is dropped.
#[derive(Debug, Clone, Copy)]
enum Place {
    Here,
    Thread,
    ThreadsEnd,
    Runtime,
    BlockingPool,
    Unwinding,
    InlineHandler,
}

const PLACES: [Place; 7] = [
    Place::Here,
    Place::Thread,
    Place::ThreadsEnd,
    Place::Runtime,
    Place::BlockingPool,
    Place::Unwinding,
    Place::InlineHandler,
];

thread_local! {
    static KEPT: RefCell<Option<Call>> = const { RefCell::new(None) };
}

async fn drop_at(place: Place, call: Call) {
    match place {
        Place::Here => drop(call),
        Place::Thread => thread::spawn(move || drop(call)).join().unwrap(),
        Place::ThreadsEnd => {
            let keep = move || KEPT.with(|kept| *kept.borrow_mut() = Some(call));
            thread::spawn(keep).join().unwrap();
        }
        Place::Runtime => {
            let other = move || Flavor::Current.runtime().block_on(async move { drop(call) });
            thread::spawn(other).join().unwrap();
        }
        Place::BlockingPool => tokio::task::spawn_blocking(move || drop(call)).await.unwrap(),
        Place::Unwinding => {
            let payload = panic_of(move || {
                let _call = call;
                resume_unwind(Box::new("the consumer's"));
            });
            assert_eq!(payload.downcast_ref(), Some(&"the consumer's"));
        }
        Place::InlineHandler => {
            let call = Mutex::new(Some(call));
            let drops = Mode::Inline.closure(move |_, _| drop(call.lock().unwrap().take()));
            let recorders = Recorders::new(&[Mode::Inline]).with(drops);
            let (_, mut model) = recorders.model(Script::new());
            drop(model.ready().await.unwrap().call(request()));
            recorders.ended(Some(ErrorKind::Cancelled)).await;
        }
    }
}

#[test]
fn a_call_can_be_dropped_at_every_stage_and_in_every_place() {
    for stage in STAGES {
        for place in PLACES {
            println!("{stage:?} {place:?}");
            everywhere(move |mut recorders| async move {
                let (call, inner, gate) = staged(stage, &mut recorders).await;
                drop_at(place, call).await;
                assert_eq!(inner.live(), 0, "the inner call is dropped at once");
                assert!(stage != Stage::Starting || inner.calls() == 0);
                gate.open();
                let completed =
                    matches!(stage, Stage::Draining | Stage::AfterTheEndMark | Stage::Ended);
                recorders.ended((!completed).then_some(ErrorKind::Cancelled)).await;
            });
        }
    }
}

/// The upstream is cancelled before handlers receive the terminal.
#[test]
fn the_inner_call_is_dropped_before_the_terminal() {
    for stage in STAGES.into_iter().filter(|stage| *stage != Stage::Ended) {
        println!("{stage:?}");
        on_each_runtime(move || async move {
            let model = Arc::new(OnceLock::<ScriptedModel>::new());
            let (inner, live) = (Arc::clone(&model), Arc::new(Mutex::new(None)));
            let at_the_end = Arc::clone(&live);
            let looks = Mode::Inline.closure(move |_, event| {
                if event.kind().is_terminal() {
                    *at_the_end.lock().unwrap() = inner.get().map(ScriptedModel::live);
                }
            });
            let mut recorders = Recorders::new(&[]).with(looks);
            let (call, inner, _gate) = staged(stage, &mut recorders).await;
            model.set(inner).unwrap();
            drop(call);
            let live = *live.lock().unwrap();
            // After the end mark, the terminal may come before the drop.
            let ended_before = stage == Stage::AfterTheEndMark && live.is_none();
            assert!(ended_before || live == Some(0), "{stage:?}: {live:?}");
        });
    }
}

/// A handler that blocks on a thread of its own until it is released.
struct Stuck {
    release: mpsc::Sender<()>,
    entered: mpsc::Receiver<()>,
    left: Arc<AtomicBool>,
}

impl Stuck {
    fn new(at: EventKind) -> (impl Fn(&Run, &Event) + Send + Sync + 'static, Self) {
        let (release, held) = mpsc::channel();
        let (enter, entered) = mpsc::channel();
        let (held, left) = (Mutex::new(held), Arc::new(AtomicBool::new(false)));
        let leave = Arc::clone(&left);
        let handler = move |_: &Run, event: &Event| {
            if event.kind() == at {
                enter.send(()).unwrap();
                let _ = held.lock().unwrap().recv_timeout(PATIENCE * 2);
                leave.store(true, Ordering::SeqCst);
            }
        };
        (handler, Self { release, entered, left })
    }

    /// Drops a call on another thread while the handler blocks. The drop must return first.
    fn assert_drop_returns(&self, call: Call) {
        self.entered.recv_timeout(PATIENCE).expect("the handler is not called");
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || {
            drop(call);
            done.send(()).unwrap();
        });
        is_done.recv_timeout(PATIENCE).expect("dropping waits for a handler");
        assert!(!self.left.load(Ordering::SeqCst));
    }
}

#[test]
fn drop_does_not_wait_for_a_blocking_handler() {
    for delivery in [Delivery::Pipelined, Delivery::Lockstep, Delivery::Background] {
        for at in [EventKind::LlmStart, EventKind::LlmNewToken, EventKind::LlmEnd] {
            for flavor in FLAVORS {
                println!("{delivery:?} {at} {flavor:?}");
                let (handler, stuck) = Stuck::new(at);
                let recorder = Recorder::new();
                let recorders = Recorders::new(&MODES)
                    .with(Mode::Blocking(delivery).closure(handler).deadline(Duration::MAX))
                    .with(Mode::Blocking(delivery).handler(recorder.clone()));
                let runtime = flavor.runtime();
                let (inner, mut model) = recorders.model(Script::answer(["a", "b"]).hang());
                // Polled until the call waits for the handler, or for the model.
                let call: Call = runtime.block_on(async {
                    let mut future = Box::pin(model.ready().await.unwrap().call(request()));
                    let short = Duration::from_millis(20);
                    match tokio::time::timeout(short, &mut future).await {
                        Err(_) => Box::new(future) as Call,
                        Ok(stream) => {
                            let mut stream = stream.unwrap();
                            while tokio::time::timeout(short, stream.next()).await.is_ok() {}
                            Box::new(stream)
                        }
                    }
                });
                stuck.assert_drop_returns(call);
                assert_eq!(inner.live(), 0);
                drop(stuck.release);
                runtime.block_on(async {
                    assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
                });
                assert!(stuck.left.load(Ordering::SeqCst));
                recorders.faults.none();
                for recorder in recorders.each.iter().map(|(_, r)| r).chain([&recorder]) {
                    assert_promises(&recorder.events());
                    assert_eq!(recorder.terminals().len(), 1);
                }
            }
        }
    }
}

/// Another thread is in an inline handler of the run. That thread emits the terminal when it leaves the
/// handler.
#[test]
fn drop_does_not_wait_for_another_threads_event() {
    on_each_runtime(|| async {
        let (handler, stuck) = Stuck::new(EventKind::Custom);
        let (keep, kept) = runs();
        let recorders =
            Recorders::new(&MODES).with(Registration::inline(on_event(handler))).with(keep);
        let (inner, mut model) = recorders.model(Script::new().respond().text("a").hang());
        let mut stream = call(&mut model).await.unwrap();
        stream.next().await.unwrap().unwrap();
        let run = kept.lock().unwrap()[0].clone();
        let emits = thread::spawn(move || run.emit("slow", 1));
        stuck.assert_drop_returns(Box::new(stream));
        assert_eq!(inner.live(), 0);
        assert!(recorders.each[0].1.terminals().is_empty(), "never two events at once");
        drop(stuck.release);
        emits.join().unwrap().unwrap();
        recorders.ended(Some(ErrorKind::Cancelled)).await;
    });
}

/// Many calls are dropped by many threads at once.
#[test]
fn many_threads_can_drop_calls_at_once() {
    on_each_runtime(|| async {
        let recorders = Recorders::new(&MODES);
        let (inner, model) = recorders.model(Script::new().respond().text("a").text("b").hang());
        let mut streams = Vec::new();
        for taken in 0..64 {
            let mut stream = call(&mut model.clone()).await.unwrap();
            for _ in 0..taken % 3 {
                stream.next().await.unwrap().unwrap();
            }
            streams.push(stream);
        }
        let threads: Vec<_> =
            streams.into_iter().map(|stream| thread::spawn(move || drop(stream))).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(inner.live(), 0);
        assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
        recorders.faults.none();
        for (mode, recorder) in &recorders.each {
            assert_promises(&recorder.events());
            assert_eq!(recorder.terminals().len(), 64, "{mode:?}");
        }
    });
}
