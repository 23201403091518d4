//! Handlers that call a wrapped model.

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

/// Calls a model on each event and waits for its answer.
#[derive(Clone)]
struct Judge {
    mode: Mode,
    model: Arc<OnceLock<Model>>,
    events: Arc<AtomicUsize>,
    answers: Arc<Mutex<Vec<usize>>>,
}

impl Judge {
    fn new(mode: Mode) -> Self {
        Self { mode, model: Arc::default(), events: Arc::default(), answers: Arc::default() }
    }

    async fn judge(&self) {
        self.events.fetch_add(1, Ordering::SeqCst);
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
            // An inline handler cannot wait: its calls have inline handlers only.
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

/// A handler is not notified of its own calls: it neither recurses nor waits for itself.
#[test]
fn a_handler_is_not_notified_of_its_own_calls() {
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
            assert_eq!(judge.events.load(Ordering::SeqCst), 4);
            assert_eq!(*judge.answers.lock().unwrap(), [4; 4]);
            assert_eq!(inner.calls(), 5);
            // Other handlers see the nested calls, as roots.
            let recorder = &recorders.each[0].1;
            assert_promises(&recorder.events());
            assert_eq!(recorder.terminals().len(), 5);
            assert!(recorder.events().iter().all(|event| event.parent_run_id.is_none()));
        });
    }
}

/// Two handlers that call models observed by each other do not recurse for ever.
#[test]
fn two_handlers_that_call_models_do_not_recurse() {
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
            assert_eq!(judge.events.load(Ordering::SeqCst), 12, "{mode:?}");
        }
    });
}

/// A handler of another set is notified of a handler's calls, as roots.
#[test]
fn another_set_is_notified_of_a_handlers_calls() {
    in_each_mode(|mode| async move {
        let judge = Judge::new(mode);
        let inner_recorder = Recorder::new();
        let inner_recorders = Recorders::new(&[]).with(mode.handler(inner_recorder.clone()));
        let (inner, judged_by) = inner_recorders.model(Script::answer(["yes"]));
        judge.model.set(judged_by).ok().unwrap();
        let recorders = Recorders::new(&[mode]).with(mode.handler(judge.clone()).threads(1));
        let (_, mut model): (ScriptedModel, _) = recorders.model(Script::answer(["a"]));
        read(call(&mut model).await.unwrap()).await;
        recorders.ended(None).await;
        until(|| judge.answers.lock().unwrap().len() >= 3).await;
        assert!(inner_recorders.callbacks.flush(PATIENCE).await.is_complete());
        assert_eq!(inner.calls(), 3);
        assert_promises(&inner_recorder.events());
        let kinds = inner_recorder.kinds();
        assert_eq!(kinds.iter().filter(|kind| **kind == EventKind::LlmEnd).count(), 3);
    });
}
