//! A handler that calls a wrapped model itself.

use std::sync::{
    Arc, Mutex, OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use futures::FutureExt;
use support::{Mode, Model, PATIENCE, Recorders, call, in_each_mode, read, until};
use tokio::runtime::Handle;
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, Event, EventKind, Run,
    testing::{Recorder, Script, ScriptedModel, assert_promises},
};

/// Calls a model on each event, and waits for its answer.
#[derive(Clone)]
struct Judge {
    mode: Mode,
    model: Arc<OnceLock<Model>>,
    heard: Arc<AtomicUsize>,
    answers: Arc<Mutex<Vec<usize>>>,
}

impl Judge {
    fn new(mode: Mode) -> Self {
        Self { mode, model: Arc::default(), heard: Arc::default(), answers: Arc::default() }
    }

    async fn judge(&self) {
        self.heard.fetch_add(1, Ordering::SeqCst);
        assert!(Run::current().is_none());
        let mut model = self.model.get().unwrap().clone();
        let (got, error) = read(call(&mut model).await.unwrap()).await;
        assert!(error.is_none());
        self.answers.lock().unwrap().push(got.len());
    }
}

impl CallbackHandler for Judge {
    fn on_event(&self, _: &Run, _: &Event) {
        if self.mode == Mode::Inline {
            // Whoever polls cannot wait: only inline handlers are told of its calls.
            self.judge().now_or_never().unwrap();
        } else {
            Handle::current().block_on(self.judge());
        }
    }
}

impl AsyncCallbackHandler for Judge {
    async fn on_event(&self, _: &Run, _: &Event) {
        self.judge().await;
    }
}

/// Its own calls are not told to it: neither does it recurse, nor does it wait for itself.
#[test]
fn that_tells_the_same_callbacks() {
    for threads in [16, 1] {
        in_each_mode(move |mode| async move {
            let judge = Judge::new(mode);
            let handler = mode.handler(judge.clone()).threads(threads);
            let recorders = Recorders::new(&[mode]).with(handler);
            let (inner, mut model) = recorders.model(Script::answer(["a", "b"]));
            judge.model.set(model.clone()).ok().unwrap();

            let (got, error) = read(call(&mut model).await.unwrap()).await;
            assert_eq!((got.len(), error.is_none()), (4, true));
            // Background handlers make their calls later.
            until(|| judge.answers.lock().unwrap().len() >= 4).await;
            assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
            recorders.faults.none();

            // Start, two tokens, end: one call each.
            assert_eq!(judge.heard.load(Ordering::SeqCst), 4);
            assert_eq!(*judge.answers.lock().unwrap(), [4; 4]);
            assert_eq!(inner.calls(), 5);
            // The others hear of them: as roots.
            let recorder = &recorders.each[0].1;
            assert_promises(&recorder.events());
            assert_eq!(recorder.terminals().len(), 5);
            assert!(recorder.events().iter().all(|event| event.parent_run_id.is_none()));
        });
    }
}

/// Two that call models with each other attached do not go on for ever.
#[test]
fn two_of_them() {
    in_each_mode(|mode| async move {
        let judges = [Judge::new(mode), Judge::new(mode)];
        let recorders = judges.iter().fold(Recorders::new(&[]), |recorders, judge| {
            recorders.with(mode.handler(judge.clone()))
        });
        let (_, mut model) = recorders.model(Script::answer(["a"]));
        for judge in &judges {
            judge.model.set(model.clone()).ok().unwrap();
        }
        let (got, error) = read(call(&mut model).await.unwrap()).await;
        assert_eq!((got.len(), error.is_none()), (3, true));
        // Three events of the call, and three of each of the other's three calls.
        for judge in &judges {
            until(|| judge.answers.lock().unwrap().len() >= 12).await;
        }
        assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
        recorders.faults.none();
        for judge in &judges {
            assert_eq!(judge.heard.load(Ordering::SeqCst), 12, "{mode:?}");
        }
    });
}

/// A handler on another set hears of the calls that a handler makes, and is not their child.
#[test]
fn that_tells_other_callbacks() {
    in_each_mode(|mode| async move {
        let judge = Judge::new(mode);
        let inner_recorder = Recorder::new();
        let inner_told = Recorders::new(&[]).with(mode.handler(inner_recorder.clone()));
        let (inner, judged_by) = inner_told.model(Script::answer(["yes"]));
        judge.model.set(judged_by).ok().unwrap();
        let recorders = Recorders::new(&[mode]).with(mode.handler(judge.clone()).threads(1));
        let (_, mut model): (ScriptedModel, _) = recorders.model(Script::answer(["a"]));
        read(call(&mut model).await.unwrap()).await;
        recorders.ended(None).await;
        until(|| judge.answers.lock().unwrap().len() >= 3).await;
        assert!(inner_told.callbacks.flush(PATIENCE).await.is_complete());
        assert_eq!(inner.calls(), 3);
        assert_promises(&inner_recorder.events());
        let kinds = inner_recorder.kinds();
        assert_eq!(kinds.iter().filter(|kind| **kind == EventKind::LlmEnd).count(), 3);
    });
}
