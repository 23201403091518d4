//! F: LangChain's defects: events after an end, what an end carries, and what is kept after it.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use futures::StreamExt;
use support::{
    MODES, Mode, Recorders, assert_same_answer, call, everywhere, in_each_mode, on_each_runtime,
    read, request, runs, until,
};
use tokio::task::yield_now;
use tower::{Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, CallbackLayer, Callbacks, Delta, ErrorKind, Event,
    EventKind, Run, RunConfig, chat,
    event::Accumulator,
    testing::{Script, ScriptedModel, assert_promises},
};

use super::settled;

/// Stays at one event for a while, and panics if another event arrives meanwhile or after the end.
#[derive(Clone, Default)]
struct Slow {
    inside: Arc<Mutex<HashSet<uuid::Uuid>>>,
    ended: Arc<Mutex<HashSet<uuid::Uuid>>>,
}

impl Slow {
    fn enter(&self, run: &Run, kind: EventKind) {
        assert!(!self.ended.lock().unwrap().contains(&run.run_id()), "{kind} after the end");
        assert!(self.inside.lock().unwrap().insert(run.run_id()), "{kind} during another event");
        if kind.is_terminal() {
            self.ended.lock().unwrap().insert(run.run_id());
        }
    }

    fn leave(&self, run: &Run) {
        self.inside.lock().unwrap().remove(&run.run_id());
    }
}

impl CallbackHandler for Slow {
    fn on_event(&self, run: &Run, event: &Event) {
        self.enter(run, event.kind());
        std::thread::sleep(Duration::from_micros(200));
        self.leave(run);
    }
}

impl AsyncCallbackHandler for Slow {
    async fn on_event(&self, run: &Run, event: &Event) {
        self.enter(run, event.kind());
        for _ in 0..5 {
            yield_now().await;
        }
        self.leave(run);
    }
}

/// Wherever a call is dropped, no event follows the end, and no two events of a run overlap.
#[test]
fn case_61_nothing_after_the_terminal_and_no_overlap() {
    in_each_mode(|mode| async move {
        let slow = Slow::default();
        let (keep, kept) = runs();
        let recorders =
            Recorders::new(&MODES).with(mode.handler(slow.clone()).threads(4)).with(keep);
        let script = Script::new().respond().text("a").yields().text("b").yields().text("c");
        let (_, model) = recorders.model(script.complete("stop"));
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
        settled(&recorders.callbacks).await;
        recorders.faults.none();
        assert_eq!(slow.ended.lock().unwrap().len(), 21);
        for (_, recorder) in &recorders.each {
            assert_promises(&recorder.events());
            assert_eq!(recorder.terminals().len(), 21);
            assert!(!recorder.kinds().contains(&EventKind::Custom));
        }
    });
}

/// The error of a collected answer carries what had arrived: text and part of a tool call.
#[test]
fn case_62_the_error_of_a_collected_answer_carries_the_partial() {
    everywhere(|recorders| async move {
        let fragment = Delta::ToolCall {
            choice: 0,
            index: 0,
            id: Some("t1".into()),
            name: Some("look".into()),
            arguments: "{\"at".into(),
        };
        let chunks = [Delta::text("Hel"), Delta::text("lo"), fragment];
        let script = chunks.iter().cloned().fold(Script::new().respond(), Script::chunk);
        let (_, mut model) = recorders.model(script.fail("reset"));
        let error = chat::collect(call(&mut model).await.unwrap()).await.unwrap_err();
        assert!(error.is::<std::io::Error>());
        let mut partial = Accumulator::new();
        chunks.iter().for_each(|chunk| partial.delta(chunk));
        let end = recorders.ended(Some(ErrorKind::Transport)).await;
        assert_eq!(end.result().unwrap().text(), "Hello");
        assert_same_answer(end.result().unwrap(), &partial.finish());
    });
}

/// A half-read stream that is dropped ends promptly, as cancelled by its consumer and not as another error.
#[test]
fn case_63_a_dropped_half_read_stream_ends_promptly() {
    everywhere(|recorders| async move {
        let (_, mut model) = recorders.model(Script::new().respond().text("a").text("b").hang());
        let mut stream = call(&mut model).await.unwrap();
        stream.next().await.unwrap().unwrap();
        drop(stream);
        for (mode, recorder) in &recorders.each {
            if *mode == Mode::Inline {
                assert_eq!(recorder.terminals().len(), 1, "before `drop` returns");
            } else {
                until(|| recorder.terminals().len() == 1).await;
            }
        }
        let end = recorders.ended(Some(ErrorKind::Cancelled)).await;
        assert_eq!(end.result().unwrap().text(), "a");
        assert_eq!(end.error().unwrap().message(), "the call was dropped before its end");
    });
}

/// Returns a handler for each mode. It is dropped when nothing of its runs is kept.
fn probes() -> (Callbacks, Vec<Weak<Slow>>) {
    let probes = MODES.map(|mode| (mode, Arc::new(Slow::default())));
    let probed = probes.iter().map(|(_, probe)| Arc::downgrade(probe)).collect();
    let all = probes.into_iter();
    let callbacks = all.fold(Callbacks::new(), |all, (mode, probe)| all.add(mode.handler(probe)));
    (callbacks, probed)
}

/// Nothing is kept of ended runs, cancelled or completed: neither handlers nor prompts.
#[test]
fn case_64_nothing_is_kept_of_ended_runs() {
    everywhere(|recorders| async move {
        let request = request();
        let (inner, mut model) = recorders.model(Script::new().respond().text("a").hang());
        // A set for these calls alone, with a handler of each kind.
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
        settled(&of_request).await;
        settled(&recorders.callbacks).await;
        drop((of_request, model));
        // Recorders keep the events, prompts included.
        for (_, recorder) in &recorders.each {
            assert_eq!(recorder.terminals().len(), 50);
        }
        drop(recorders);
        // A thread or a task may still have to end.
        until(|| probed.iter().all(|probe| probe.strong_count() == 0)).await;
        until(|| Arc::strong_count(&request.messages) == 1).await;
    });
    // The same with handlers of the layer, and calls that complete.
    on_each_runtime(|| async {
        let request = request();
        let inner = ScriptedModel::new(Script::answer(["a"]));
        let (callbacks, probed) = probes();
        let mut model = CallbackLayer::new(callbacks.clone()).layer(inner);
        for _ in 0..50 {
            let stream = model.ready().await.unwrap().call(request.clone()).await.unwrap();
            assert!(read(stream).await.1.is_none());
        }
        // While the callbacks are alive.
        settled(&callbacks).await;
        until(|| Arc::strong_count(&request.messages) == 1).await;
        drop((model, callbacks));
        until(|| probed.iter().all(|probe| probe.strong_count() == 0)).await;
    });
}
