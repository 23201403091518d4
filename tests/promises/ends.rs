//! Promises 1 and 11: the terminal event comes when it is known, whether or not the consumer polls again, and its times are
//! those of the answer.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use futures::StreamExt;
use http_body_util::BodyExt;
use support::{
    MODES, Mode, PATIENCE, Recorders, call, everywhere,
    http::{HELLO, Scripted, Step, answered, data, event_stream},
    in_each_mode, on_each_runtime,
};
use tokio::time::timeout;
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    Callbacks, Delta, EventKind, HttpCallbackLayer, Registration, RunLayer, on_event,
    testing::{Recorder, Script},
};

async fn terminals(recorder: &Recorder, count: usize) {
    let ended = support::until(|| recorder.terminals().len() == count);
    timeout(PATIENCE, ended).await.expect("the terminal event is not emitted");
}

/// The consumer has the chunk with the end mark, keeps the stream, and does not poll it again.
#[test]
fn the_terminal_comes_without_another_poll() {
    everywhere(|recorders| async move {
        let (_, mut model) = recorders.model(Script::answer(["a", "b"]).hang());
        let mut kept = call(&mut model).await.unwrap();
        while !matches!(kept.next().await.unwrap().unwrap(), Delta::Done) {}
        for (_, recorder) in &recorders.each {
            terminals(recorder, 1).await;
        }
        recorders.ended(None).await;
        drop(kept);
    });
}

/// The same, with a handler that is still busy with the tokens when the consumer gets the end mark.
#[test]
fn the_terminal_comes_without_another_poll_after_a_slow_handler() {
    in_each_mode(|mode| async move {
        let slow = mode.closure(|_, _| thread::sleep(Duration::from_millis(5)));
        let recorders = Recorders::new(&MODES).with(slow);
        let (_, mut model) = recorders.model(Script::answer(["a", "b", "c"]).hang());
        let mut kept = call(&mut model).await.unwrap();
        while !matches!(kept.next().await.unwrap().unwrap(), Delta::Done) {}
        // Not polled again, and the flush knows that the end is to come.
        recorders.ended(None).await;
        drop(kept);
    });
}

#[test]
fn the_terminal_of_a_body_comes_without_another_poll() {
    in_each_mode(|mode| async move {
        let slow = mode.closure(|_, _| thread::sleep(Duration::from_millis(5)));
        let recorders = Recorders::new(&MODES).with(slow);
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
        let answer =
            || event_stream(Scripted::new(HELLO.map(data).into_iter().chain([Step::Hang])));
        let mut kept = answered(&layer, answer).await.into_body();
        for _ in HELLO {
            kept.frame().await.unwrap().unwrap();
        }
        recorders.ended(None).await;
        drop(kept);
    });
}

/// A flush returns only after the end that is known has been handled.
#[test]
fn a_flush_waits_for_an_end_that_waits_for_handlers() {
    on_each_runtime(|| async {
        let (release, released) = mpsc::channel::<()>();
        let released = std::sync::Mutex::new(released);
        let holds = on_event(move |_, event| {
            if event.kind() == EventKind::LlmNewToken {
                let _ = released.lock().unwrap().recv_timeout(PATIENCE);
            }
        });
        let recorders = Recorders::new(&[Mode::Inline]).with(Registration::blocking(holds));
        let (_, mut model) = recorders.model(Script::answer(["a"]).hang());
        let mut kept = call(&mut model).await.unwrap();
        while !matches!(kept.next().await.unwrap().unwrap(), Delta::Done) {}
        let report = recorders.callbacks.flush(Duration::from_millis(20)).await;
        assert!(!report.is_complete(), "the token is not handled");
        assert!(recorders.each[0].1.terminals().is_empty());
        release.send(()).unwrap();
        recorders.ended(None).await;
    });
}

const LONG: Duration = Duration::from_millis(50);
const TOKENS: usize = 10;

/// The duration that a handler gets beside one that takes long for each event.
async fn duration_beside(mode: Mode, capacity: usize) -> (Duration, Duration) {
    let slow = mode.closure(|_, _| thread::sleep(LONG)).capacity(capacity);
    let recorders = Recorders::new(&[Mode::Async(tower_llm_callbacks::Delivery::Pipelined)]);
    let recorders = recorders.with(slow);
    let (_, mut model) = recorders.model(Script::answer(vec!["a"; TOKENS]));
    let began = Instant::now();
    support::read(call(&mut model).await.unwrap()).await;
    assert!(began.elapsed() >= LONG * TOKENS as u32, "the handler is awaited");
    let terminal = recorders.ended(None).await;
    let result = terminal.result().unwrap();
    (result.duration, result.time_to_first_token.unwrap())
}

/// The call is instant; a handler takes 50 ms an event. What the consumer waits for is not part of the call.
#[test]
fn times_are_not_those_of_handlers() {
    for mode in Mode::AWAITED.into_iter().filter(|mode| !mode.is_async()) {
        for capacity in [1, 256] {
            on_each_runtime(move || async move {
                let (duration, first) = duration_beside(mode, capacity).await;
                // With room for a part of what the handler takes, on a busy machine.
                assert!(duration < LONG * TOKENS as u32 / 2, "{mode:?}, {capacity}: {duration:?}");
                assert!(first < LONG * TOKENS as u32 / 2, "{mode:?}, {capacity}: {first:?}");
            });
        }
    }
}

/// In paused time the numbers are exact: a model that takes 1 s a token, beside handlers that take 1 min an event.
#[test]
fn times_are_the_models_own() {
    let runtime = support::Flavor::Current.builder().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(async {
        for delivery in ["pipelined", "background"] {
            let slow = tower_llm_callbacks::on_event_async(|_, _| {
                tokio::time::sleep(Duration::from_secs(25))
            });
            let slow = Registration::async_handler(slow);
            let slow = if delivery == "background" { slow.background() } else { slow };
            let recorders = Recorders::new(&[Mode::Inline]).with(slow);
            let second = Duration::from_secs(1);
            let script = Script::new().pause(second).respond().pause(second).text("a");
            let (_, mut model) = recorders.model(script.text("b").pause(second).complete("stop"));
            support::read(call(&mut model).await.unwrap()).await;
            let result = recorders.each[0].1.terminals()[0].result().cloned().unwrap();
            assert_eq!(result.duration, 3 * second, "{delivery}");
            assert_eq!(result.time_to_first_token, Some(2 * second), "{delivery}");
        }
    });
}

/// An answer that is finished and then kept ended with its finish reason, not with the drop.
#[test]
fn the_duration_of_a_finished_answer_ends_with_it() {
    let runtime = support::Flavor::Current.builder().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let recorders = Recorders::new(&[Mode::Inline]);
        let script = Script::new().respond().pause(Duration::from_secs(1)).text("a");
        let script = script.chunk(Delta::finish("stop")).hang();
        let (_, mut model) = recorders.model(script);
        let mut kept = call(&mut model).await.unwrap();
        while !matches!(kept.next().await.unwrap().unwrap(), Delta::Finish { .. }) {}
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert!(recorders.each[0].1.terminals().is_empty(), "usage may follow");
        drop(kept);
        let terminal = recorders.ended(None).await;
        assert_eq!(terminal.result().unwrap().duration, Duration::from_secs(1));
    });
}

/// Runs of other types have the duration of their own call.
#[test]
fn the_duration_of_a_chain_is_its_own() {
    let runtime = support::Flavor::Current.builder().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let recorder = Recorder::new();
        let slow =
            tower_llm_callbacks::on_event_async(|_, _| tokio::time::sleep(Duration::from_secs(20)));
        let callbacks = Callbacks::new().async_handler(slow).inline(recorder.clone());
        let chain = service_fn(|()| async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            Ok::<_, BoxError>(())
        });
        RunLayer::chain("chain").callbacks(&callbacks).layer(chain).oneshot(()).await.unwrap();
        let terminal = recorder.terminals().remove(0);
        let tower_llm_callbacks::EventData::RunEnd(_, output) = terminal.data else { panic!() };
        assert_eq!(output.duration, Duration::from_secs(2));
    });
}
