//! Promises 1, 2, 5 and 10, where LangChain breaks them: cases that its callbacks get wrong, and which
//! end here as they should.

mod support;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use futures::StreamExt;
use support::{
    MODES, Mode, PATIENCE, Told, assert_same_answer, call, everywhere, in_each_mode,
    on_each_runtime, read, request, runs, until,
};
use tokio::{sync::Semaphore, task::yield_now, time::timeout};
use tower::{BoxError, Layer, Service, ServiceExt, limit::ConcurrencyLimitLayer, service_fn};
use tower_llm_callbacks::{
    Aborted, Accumulator, AsyncCallbackHandler, CallbackHandler, CallbackLayer, Callbacks, Delta,
    ErrorKind, EventKind, RunConfig,
    chat::{self, ChatChunk, ChatRequest},
    testing::{Script, ScriptedModel, assert_promises},
};

/// LangChain's `ainvoke` has no terminal event when its task is cancelled.
#[test]
fn case_57_a_cancelled_or_timed_out_call_has_one_terminal() {
    everywhere(|told| async move {
        let (inner, mut model) = told.model(Script::new().hang().respond());
        assert!(timeout(Duration::from_millis(10), call(&mut model)).await.is_err());
        assert_eq!(inner.live(), 0);
        told.ended(Some(ErrorKind::Cancelled)).await;
    });
    everywhere(|told| async move {
        let (inner, mut model) = told.model(Script::new().hang().respond());
        let task = tokio::spawn(async move { call(&mut model).await.map(drop) });
        until(|| inner.calls() == 1).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(inner.live(), 0);
        told.ended(Some(ErrorKind::Cancelled)).await;
    });
}

/// LangChain's rate limiter waits after the start event, and a cancellation there is not told.
#[test]
fn case_58_cancelled_while_it_waits_for_a_permit() {
    // The permit is part of the call.
    everywhere(|told| async move {
        let permits = Arc::new(Semaphore::new(0));
        let waits = Arc::clone(&permits);
        let model = service_fn(move |_: ChatRequest| {
            let waits = Arc::clone(&waits);
            async move {
                let _permit = waits.acquire_owned().await?;
                Ok::<_, BoxError>(futures::stream::empty::<Result<ChatChunk, BoxError>>())
            }
        });
        let mut model = told.layer().layer(model);
        let call = model.ready().await.unwrap().call(request());
        assert!(timeout(Duration::from_millis(10), call).await.is_err());
        told.ended(Some(ErrorKind::Cancelled)).await;
        assert_eq!(Arc::strong_count(&permits), 2, "it waits no longer");
    });
    // The permit is readiness: no run has started, and nobody is told of one.
    everywhere(|told| async move {
        let (inner, model) = told.model(Script::answer(["a"]));
        drop(model);
        let limited = ConcurrencyLimitLayer::new(1).layer(inner.clone());
        let mut holds = limited.clone();
        let permit = holds.ready().await.unwrap().call(request());
        let mut model = told.layer().layer(limited);
        assert!(timeout(Duration::from_millis(10), model.ready()).await.is_err());
        told.nothing();
        drop(permit);
        // And once it is ready, that is not wasted.
        let stream = model.ready().await.unwrap().call(request()).await.unwrap();
        assert!(read(stream).await.1.is_none());
        told.ended(None).await;
    });
}

/// In LangChain, one inline handler keeps the start event from all others.
#[test]
fn case_59_mixed_handlers_all_hear_the_start() {
    on_each_runtime(|| async {
        for rotation in 0..MODES.len() {
            let mut modes = MODES;
            modes.rotate_left(rotation);
            let told = Told::new(&modes);
            let (_, mut model) = told.model(Script::answer(["a"]));
            assert!(read(call(&mut model).await.unwrap()).await.1.is_none());
            told.ended(None).await;
            for (mode, recorder) in &told.recorders {
                let starts = recorder.kinds().iter().filter(|kind| kind.is_start()).count();
                assert_eq!(starts, 1, "{mode:?}");
            }
        }
    });
}

/// In LangChain, a `raise_error` handler that fails at the start leaves the others without an end.
#[test]
fn case_60_a_start_handler_fails_hard_and_the_others_hear_the_end() {
    in_each_mode(|mode| async move {
        for first in [true, false] {
            let fails = mode.closure(|_, event| assert!(!event.kind().is_start()));
            let fails = fails.name("strict").required();
            let mut told = Told::new(&MODES);
            told.callbacks = if first {
                Callbacks::new().with(fails).extend(&told.callbacks)
            } else {
                told.callbacks.with(fails)
            };
            let (inner, mut model) = told.model(Script::new().respond().text("a").hang());
            let error = match call(&mut model).await {
                Ok(stream) => read(stream).await.1.unwrap(),
                Err(error) => error,
            };
            assert!(error.is::<Aborted>());
            assert!(error.to_string().contains("`strict`"), "{error}");
            assert_eq!(inner.live(), 0);
            // Its fault goes to the hooks of its own set.
            assert_eq!(told.faults.all().len(), usize::from(!first));
            told.faults = Default::default();
            told.ended(Some(ErrorKind::Aborted)).await;
        }
    });
}

/// Is at one event for a while, and says so when it is told something else meanwhile, or afterwards.
#[derive(Clone, Default)]
struct Slow {
    inside: Arc<Mutex<HashSet<uuid::Uuid>>>,
    ended: Arc<Mutex<HashSet<uuid::Uuid>>>,
}

impl Slow {
    fn enter(&self, run: &tower_llm_callbacks::Run, kind: EventKind) {
        assert!(!self.ended.lock().unwrap().contains(&run.run_id()), "{kind} after the end");
        assert!(self.inside.lock().unwrap().insert(run.run_id()), "{kind} during another event");
        if kind.is_terminal() {
            self.ended.lock().unwrap().insert(run.run_id());
        }
    }

    fn leave(&self, run: &tower_llm_callbacks::Run) {
        self.inside.lock().unwrap().remove(&run.run_id());
    }
}

impl CallbackHandler for Slow {
    fn on_event(&self, run: &tower_llm_callbacks::Run, event: &tower_llm_callbacks::Event) {
        self.enter(run, event.kind());
        std::thread::sleep(Duration::from_micros(200));
        self.leave(run);
    }
}

impl AsyncCallbackHandler for Slow {
    async fn on_event(&self, run: &tower_llm_callbacks::Run, event: &tower_llm_callbacks::Event) {
        self.enter(run, event.kind());
        for _ in 0..5 {
            yield_now().await;
        }
        self.leave(run);
    }
}

/// LangChain tells a handler tokens after its end event when a call is cancelled.
#[test]
fn case_61_nothing_after_the_terminal_and_no_overlap() {
    in_each_mode(|mode| async move {
        let slow = Slow::default();
        let (keep, kept) = runs();
        let told = Told::new(&MODES).with(mode.handler(slow.clone()).threads(4)).with(keep);
        let script = Script::new().respond().text("a").yields().text("b").yields().text("c");
        let (_, model) = told.model(script.complete("stop"));
        let calls: Vec<_> = (0..21)
            .map(|taken| {
                let mut model = model.clone();
                tokio::spawn(async move {
                    let mut stream = call(&mut model).await.unwrap();
                    for _ in 0..taken % 7 {
                        drop(stream.next().await);
                    }
                })
            })
            .collect();
        for call in calls {
            call.await.unwrap();
        }
        for run in kept.lock().unwrap().iter() {
            assert!(run.emit("late", 1).unwrap_err().is_ended());
        }
        assert!(told.callbacks.flush(PATIENCE).await.is_complete());
        told.faults.none();
        assert_eq!(slow.ended.lock().unwrap().len(), 21);
        for (_, recorder) in &told.recorders {
            assert_promises(&recorder.events());
            assert_eq!(recorder.terminals().len(), 21);
            assert!(!recorder.kinds().contains(&EventKind::Custom));
        }
    });
}

/// LangChain's `invoke` with streaming handlers has an error event without what had come.
#[test]
fn case_62_the_error_of_a_collected_answer_carries_the_partial() {
    everywhere(|told| async move {
        let fragment = Delta::ToolCall {
            choice: 0,
            index: 0,
            id: Some("t1".into()),
            name: Some("look".into()),
            arguments: "{\"at".into(),
        };
        let chunks = [Delta::text("Hel"), Delta::text("lo"), fragment];
        let script = chunks.iter().cloned().fold(Script::new().respond(), Script::chunk);
        let (_, mut model) = told.model(script.fail("reset"));
        let error = chat::collect(call(&mut model).await.unwrap()).await.unwrap_err();
        assert!(error.is::<std::io::Error>());
        let mut partial = Accumulator::new();
        chunks.iter().for_each(|chunk| partial.delta(chunk));
        let end = told.ended(Some(ErrorKind::Transport)).await;
        assert_eq!(end.result().unwrap().text(), "Hello");
        assert_same_answer(end.result().unwrap(), &partial.finish());
    });
}

/// LangChain tells of a stream that is dropped when it is garbage collected, LangChain.js never.
#[test]
fn case_63_a_half_read_stream_that_is_dropped_ends_promptly() {
    everywhere(|told| async move {
        let (_, mut model) = told.model(Script::new().respond().text("a").text("b").hang());
        let mut stream = call(&mut model).await.unwrap();
        stream.next().await.unwrap().unwrap();
        drop(stream);
        for (mode, recorder) in &told.recorders {
            if *mode == Mode::Inline {
                assert_eq!(recorder.terminals().len(), 1, "before `drop` returns");
            } else {
                until(|| recorder.terminals().len() == 1).await;
            }
        }
        let end = told.ended(Some(ErrorKind::Cancelled)).await;
        assert_eq!(end.result().unwrap().text(), "a");
        assert_eq!(end.error().unwrap().message(), "the call was dropped before its end");
    });
}

/// Handlers of LangChain's peers keep the state of cancelled runs for ever.
#[test]
fn case_64_nothing_is_kept_of_runs_that_have_ended() {
    everywhere(|told| async move {
        let request = request();
        let (inner, mut model) = told.model(Script::new().respond().text("a").hang());
        // A set of its own for these calls, with a handler of each kind.
        let (of_request, probed) = probes();
        for taken in 0..50 {
            let config = RunConfig::new().callbacks(&of_request);
            let work = async {
                let mut stream = model.ready().await.unwrap().call(request.clone()).await.unwrap();
                if taken % 2 == 0 {
                    stream.next().await.unwrap().unwrap();
                }
            };
            config.scope(work).await;
        }
        assert_eq!(inner.live(), 0);
        assert!(of_request.flush(PATIENCE).await.is_complete());
        assert!(told.callbacks.flush(PATIENCE).await.is_complete());
        drop((of_request, model));
        // Recorders remember what they were told, prompts included.
        for (_, recorder) in &told.recorders {
            assert_eq!(recorder.terminals().len(), 50);
        }
        drop(told);
        // A thread or a task may have to come to its end.
        until(|| probed.iter().all(|probe| probe.strong_count() == 0)).await;
        until(|| Arc::strong_count(&request.messages) == 1).await;
    });
}

/// A handler for each mode, which is gone when nothing is kept of its runs.
fn probes() -> (Callbacks, Vec<Weak<Slow>>) {
    let probes = MODES.map(|mode| (mode, Arc::new(Slow::default())));
    let probed = probes.iter().map(|(_, probe)| Arc::downgrade(probe)).collect();
    let all = probes.into_iter();
    let callbacks = all.fold(Callbacks::new(), |all, (mode, probe)| all.with(mode.handler(probe)));
    (callbacks, probed)
}

/// The same without a handler of the layer's own, where calls complete.
#[test]
fn case_64_nor_of_completed_ones() {
    on_each_runtime(|| async {
        let request = request();
        let inner = ScriptedModel::new(Script::answer(["a"]));
        let (callbacks, probed) = probes();
        let mut model = CallbackLayer::new(callbacks.clone()).layer(inner);
        for _ in 0..50 {
            let stream = model.ready().await.unwrap().call(request.clone()).await.unwrap();
            assert!(read(stream).await.1.is_none());
        }
        // While the callbacks live on.
        assert!(callbacks.flush(PATIENCE).await.is_complete());
        until(|| Arc::strong_count(&request.messages) == 1).await;
        drop((model, callbacks));
        until(|| probed.iter().all(|probe| probe.strong_count() == 0)).await;
    });
}
