//! A retry counts against a queue's capacity, as tokens and custom events do.

use std::sync::{Arc, Mutex};

use support::{PATIENCE, on_each_runtime, read, request};
use tokio::sync::{Notify, Semaphore};
use tower::{Layer, Service, ServiceBuilder, retry::RetryLayer};
use tower_llm_callbacks::{
    AttemptsLayer, CallbackLayer, Callbacks, EventKind, Registration, Run,
    callbacks::Overflow,
    on_event, on_event_async,
    testing::{Recorded, Recorder, Script, ScriptedModel},
};

use super::{Retries, ask, kinds, once, runs};

/// Fails once, then answers with this many tokens.
fn failing_once(tokens: usize) -> ScriptedModel {
    ScriptedModel::new([
        Script::new().fail("refused").respond(),
        Script::answer((0..tokens).map(|n| format!("{n} "))),
    ])
}

/// A handler that blocks in the start of the second attempt.
fn stuck(recorder: &Recorder, gate: &Arc<Semaphore>) -> Registration {
    let (recorder, gate) = (recorder.clone(), Arc::clone(gate));
    Registration::async_handler(on_event_async(move |run, event| {
        let (recorder, gate) = (recorder.clone(), Arc::clone(&gate));
        async move {
            tower_llm_callbacks::CallbackHandler::on_event(&recorder, &run, &event);
            if event.kind() == EventKind::LlmStart && run.attempt() == 2 {
                gate.acquire().await.unwrap().forget();
            }
        }
    }))
}

/// The handler's events of the second attempt, in a call that does not wait for the handler.
async fn second_attempt(capacity: usize, emits: usize) -> Vec<Recorded> {
    let (recorder, gate) = (Recorder::new(), Arc::new(Semaphore::new(0)));
    let handler = stuck(&recorder, &gate).background().capacity(capacity);
    let full = Arc::new(Mutex::new(0));
    let counts = Arc::clone(&full);
    let emitter = on_event(move |run: &Run, event| {
        if event.kind() == EventKind::LlmStart && run.attempt() == 2 {
            for n in 0..emits {
                let emitted = run.emit("n", n);
                *counts.lock().unwrap() += emitted.map_or_else(|error| error.full_queues(), |()| 0);
            }
        }
    });
    let callbacks = Callbacks::new().inline(emitter).add(handler);
    let model = ServiceBuilder::new()
        .layer(AttemptsLayer::new())
        .layer(RetryLayer::new(Retries(5)))
        .layer(CallbackLayer::new(callbacks.clone()))
        .service(failing_once(10));
    assert_eq!(ask(model).await.unwrap().len(), 12);
    gate.add_permits(1);
    assert!(callbacks.flush(PATIENCE).await.is_complete());
    let second = runs(&recorder).pop().unwrap();
    let custom = second.iter().filter(|event| event.kind() == EventKind::Custom).count();
    assert_eq!(custom + *full.lock().unwrap(), emits);
    let result = second.last().unwrap().result().unwrap();
    let tokens = second.iter().filter(|event| event.kind() == EventKind::LlmNewToken).count();
    assert_eq!(result.dropped_tokens as usize + tokens, 10);
    second
}

/// The retry takes the first place. Later events are dropped if no place is left.
#[test]
fn a_retry_takes_a_place_in_the_queue() {
    on_each_runtime(|| async {
        use EventKind::*;
        assert_eq!(kinds(&second_attempt(1, 0).await), [LlmStart, Retry, LlmEnd]);
        assert_eq!(kinds(&second_attempt(2, 0).await), [LlmStart, Retry, LlmNewToken, LlmEnd]);
        assert_eq!(kinds(&second_attempt(1, 3).await), [LlmStart, Retry, LlmEnd]);
        assert_eq!(
            kinds(&second_attempt(3, 1).await),
            [LlmStart, Retry, Custom, LlmNewToken, LlmEnd]
        );
        assert_eq!(kinds(&second_attempt(3, 5).await), [LlmStart, Retry, Custom, Custom, LlmEnd]);
        let all = second_attempt(20, 5).await;
        assert_eq!(all.len(), 18);
        let seqs: Vec<_> = all.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, (0..18).collect::<Vec<_>>());
    });
}

/// Calls that wait for room lose no event.
#[test]
fn a_call_waits_for_room_after_a_retry() {
    on_each_runtime(|| async {
        let deliveries: [fn(Registration) -> Registration; 2] =
            [Registration::pipelined, Registration::lockstep];
        for delivery in deliveries {
            let recorder = Recorder::new();
            let slow = {
                let recorder = recorder.clone();
                on_event_async(move |run, event| {
                    let recorder = recorder.clone();
                    async move {
                        tokio::task::yield_now().await;
                        tower_llm_callbacks::CallbackHandler::on_event(&recorder, &run, &event);
                    }
                })
            };
            let handler = delivery(Registration::async_handler(slow)).capacity(1);
            let layer = CallbackLayer::new(Callbacks::new().add(handler));
            let model = ServiceBuilder::new()
                .layer(AttemptsLayer::new())
                .layer(RetryLayer::new(Retries(5)))
                .layer(layer)
                .service(failing_once(20));
            ask(model).await.unwrap();
            super::assert_retried(&runs(&recorder), &["refused"]);
            assert_eq!(recorder.terminals()[1].result().unwrap().dropped_tokens, 0);
        }
    });
}

/// A handler that drops tokens when its queue is full is still awaited.
#[test]
fn an_awaited_handler_that_drops_tokens_receives_the_retry() {
    on_each_runtime(|| async {
        let (recorder, held) = (Recorder::new(), Arc::new(Notify::new()));
        let waits = Arc::clone(&held);
        let keeps = recorder.clone();
        let handler = Registration::async_handler(on_event_async(move |run, event| {
            let (recorder, held) = (keeps.clone(), Arc::clone(&waits));
            async move {
                tower_llm_callbacks::CallbackHandler::on_event(&recorder, &run, &event);
                // While the retry is handled, its place is free for the first token.
                if event.kind() == EventKind::Retry {
                    held.notified().await;
                }
            }
        }));
        let handler = handler.capacity(1).overflow(Overflow::DropTokens);
        let mut first = CallbackLayer::new(Callbacks::new().add(handler.clone()));
        first = first.name("first");
        let callbacks = Callbacks::new().add(handler);
        let model = failing_once(5);
        let fails = first.layer(model.clone());
        let answers = CallbackLayer::new(callbacks.clone()).layer(model);
        let fallback = tower::service_fn(move |request: tower_llm_callbacks::chat::ChatRequest| {
            let (mut fails, mut answers) = (fails.clone(), answers.clone());
            let held = Arc::clone(&held);
            async move {
                assert!(fails.call(request.clone()).await.is_err());
                let answer = answers.call(request);
                // The start phase also waits for the retry.
                let mut answer = Box::pin(answer);
                for _ in 0..20 {
                    assert!(futures::poll!(&mut answer).is_pending());
                    tokio::task::yield_now().await;
                }
                held.notify_one();
                answer.await
            }
        });
        let answer = once(AttemptsLayer::new().layer(fallback), request());
        read(answer.await.unwrap()).await;
        assert!(callbacks.flush(PATIENCE).await.is_complete());
        let second = runs(&recorder).pop().unwrap();
        assert_eq!(second[1].kind(), EventKind::Retry);
        assert_eq!(second.last().unwrap().kind(), EventKind::LlmEnd);
    });
}
