//! The code of a handler's error, and that of an estimator, is user code too.

use std::{
    error::Error,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use support::{MODES, PATIENCE, call, in_each_mode, read};
use tokio::time::timeout;
use tower::{BoxError, Layer};
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, CallbackLayer, Callbacks, Event, EventKind, FaultKind,
    LlmStart, Run,
    estimate::{Answer, Estimate, UsageEstimator},
    testing::{Recorder, Script, ScriptedModel},
};

use super::{FRAGILE, assert_others_unharmed, witnesses};

/// An error whose text cannot be read.
#[derive(Debug)]
struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("no text");
    }
}

impl Error for Unreadable {}

/// Fails in the first run.
struct Fails {
    at: EventKind,
    runs: AtomicUsize,
}

impl Fails {
    fn event(&self, event: &Event) -> Result<(), BoxError> {
        let run = match event.kind().is_start() {
            true => self.runs.fetch_add(1, Ordering::SeqCst) + 1,
            false => self.runs.load(Ordering::SeqCst),
        };
        if run == 1 && event.kind() == self.at { Err(Unreadable.into()) } else { Ok(()) }
    }
}

impl CallbackHandler for Fails {
    fn try_on_event(&self, _run: &Run, event: &Event) -> Result<(), BoxError> {
        self.event(event)
    }
}

impl AsyncCallbackHandler for Fails {
    async fn try_on_event(&self, _run: &Run, event: &Event) -> Result<(), BoxError> {
        self.event(event)
    }
}

#[test]
fn an_error_whose_text_panics_is_a_panic_of_the_handler() {
    support::quiet_panics();
    in_each_mode(|mode| async move {
        for at in [EventKind::LlmStart, EventKind::LlmNewToken, EventKind::LlmEnd] {
            let handler = mode.handler(Fails { at, runs: AtomicUsize::new(0) });
            let recorders = witnesses().with(handler.name(FRAGILE).threads(1));
            // The second run has the handler again, and its thread.
            for _ in 0..2 {
                let (_, mut model) = recorders.model(Script::answer(["a", "b"]));
                timeout(PATIENCE, async { read(call(&mut model).await.unwrap()).await })
                    .await
                    .unwrap();
                assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
            }
            assert_others_unharmed(&recorders, 2).await;
            let fault = recorders.faults.one();
            assert_eq!((fault.kind, fault.event), (FaultKind::Panicked, Some(at)), "{mode:?}");
            assert_eq!(fault.message.as_deref(), Some("no text"));
        }
    });
}

struct Panics;

impl UsageEstimator for Panics {
    fn input(&self, _: &LlmStart) -> Option<Estimate> {
        panic!("no estimate of the input");
    }

    fn output(&self, _: &Answer<'_>) -> Option<Estimate> {
        panic!("no estimate of the output");
    }
}

/// The call goes on, and every run has its end.
#[test]
fn an_estimator_that_panics_changes_no_call() {
    support::quiet_panics();
    for mode in MODES {
        support::on_each_runtime(|| async move {
            let recorder = Recorder::new();
            let callbacks = Callbacks::new().add(mode.handler(recorder.clone()));
            let layer = CallbackLayer::new(callbacks.clone()).usage_estimator(Arc::new(Panics));
            let mut model = layer.layer(ScriptedModel::new(Script::answer(["a", "b"])));
            let (chunks, error) = read(call(&mut model).await.unwrap()).await;
            assert!(!chunks.is_empty() && error.is_none());
            drop(call(&mut model).await.unwrap());
            assert!(callbacks.flush(PATIENCE).await.is_complete());
            assert_eq!(recorder.terminals().len(), 2, "{mode:?}");
        });
    }
}
