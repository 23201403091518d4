//! Whatever the linger, and with batches or without, a handler gets the same events.

use std::time::Duration;

use futures::StreamExt;
use support::{
    Mode, request,
    schedule::{flushed, within},
};
use tokio::{runtime::Builder, task::JoinSet};
use tower::Layer;
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, CallbackLayer, Callbacks, Registration,
    handler::{BatchError, BatchEvent},
    testing::{Recorded, Recorder, Script, ScriptedModel, assert_promises},
};
use uuid::Uuid;

use super::LINGERING;

/// A recorder that takes batches.
#[derive(Clone)]
struct Batches(Recorder);

impl CallbackHandler for Batches {
    fn on_events(&self, batch: &[BatchEvent<'_>]) -> Result<(), BatchError> {
        for BatchEvent { run, event, .. } in batch {
            CallbackHandler::on_event(&self.0, run, event);
        }
        Ok(())
    }
}

impl AsyncCallbackHandler for Batches {
    async fn on_events(&self, batch: &[BatchEvent<'_>]) -> Result<(), BatchError> {
        for BatchEvent { run, event, .. } in batch {
            tokio::task::yield_now().await;
            CallbackHandler::on_event(&self.0, run, event);
        }
        Ok(())
    }
}

/// What a handler was called with in a run, without what differs between two calls.
fn described(recorder: &Recorder, run_id: Uuid) -> Vec<String> {
    let describe = |event: &Recorded| {
        let mut text = format!("{} {}", event.seq, event.kind());
        if let Some(token) = event.text() {
            text += &format!(" {token:?}");
        }
        if let Some(result) = event.result() {
            text += &format!(" {} {:?}", result.tokens, result.choices);
        }
        text
    };
    recorder.run(run_id).iter().map(describe).collect()
}

/// The same script through handlers that linger and take batches, or not: each gets the same events of each run.
#[test]
fn what_handlers_get_is_the_same_with_lingers_and_batches() {
    let mut next = 7_u64;
    let mut random = move |below: u64| {
        next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (next >> 33) % below
    };
    for round in 0..24 {
        let witness = Recorder::new();
        let mut callbacks = Callbacks::new().inline(witness.clone());
        let mut handlers = Vec::new();
        for linger in [0, 1, 5, 50].map(Duration::from_millis) {
            for mode in LINGERING {
                let recorder = Recorder::new();
                let handler = mode.handler(recorder.clone()).linger(linger).capacity(300);
                callbacks = callbacks.add(handler.name(format!("{mode:?} {linger:?}")));
                handlers.push(recorder);
                let recorder = Recorder::new();
                let handler = match mode {
                    Mode::Blocking(_) => Registration::blocking(Batches(recorder.clone())),
                    _ => Registration::async_handler(Batches(recorder.clone())),
                };
                callbacks = callbacks.add(mode.deliver(handler).linger(linger).capacity(300));
                handlers.push(recorder);
            }
        }
        let runtime = match round % 3 {
            0 => Builder::new_current_thread().enable_all().start_paused(true).build(),
            1 => Builder::new_current_thread().enable_all().build(),
            _ => Builder::new_multi_thread().worker_threads(2).enable_all().build(),
        };
        let runtime = runtime.unwrap();
        runtime.block_on(within(async {
            let mut calls = JoinSet::new();
            for _ in 0..1 + random(5) {
                let mut script = Script::new().respond();
                for token in 0..random(120) {
                    script = match random(8) {
                        0 => script.pause(Duration::from_micros(random(4_000))),
                        1 => script.yields(),
                        _ => script.text(format!("{token} ")),
                    };
                }
                script = match random(4) {
                    0 => script.fail("scripted"),
                    1 => script.hang(),
                    _ => script.complete("stop"),
                };
                let service =
                    CallbackLayer::new(callbacks.clone()).layer(ScriptedModel::new(script));
                let patience = Duration::from_millis(10 + random(60));
                calls.spawn(async move {
                    let read = async {
                        let answer = service.oneshot(request()).await.unwrap();
                        Box::pin(answer).count().await
                    };
                    let _ = tokio::time::timeout(patience, read).await;
                });
            }
            calls.join_all().await;
            flushed(&callbacks).await;
        }));
        for run_id in witness.run_ids() {
            let truth = described(&witness, run_id);
            for (recorder, stats) in handlers.iter().zip(&callbacks.stats()[1..]) {
                assert_eq!(described(recorder, run_id), truth, "{round}: {}", stats.handler);
            }
        }
        for (recorder, stats) in handlers.iter().zip(&callbacks.stats()[1..]) {
            assert_promises(&recorder.events());
            assert_eq!(recorder.run_ids().len(), witness.run_ids().len());
            assert_eq!((stats.faults, stats.dropped_tokens, stats.undelivered_events), (0, 0, 0));
        }
    }
}
