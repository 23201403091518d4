//! A kept run does not keep the handlers of its own layer.

use std::sync::{Arc, Mutex, Weak};

use futures::StreamExt;
use support::{PATIENCE, call, in_each_mode, read, request, until};
use tokio::time::timeout;
use tower::{Layer, Service};
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, CallbackLayer, Callbacks, Event, Run,
    testing::{Script, ScriptedModel},
};

/// Keeps the runs of its events.
struct Keeper {
    runs: Arc<Mutex<Vec<Run>>>,
    alive: Arc<()>,
}

impl Keeper {
    fn new() -> (Self, Arc<Mutex<Vec<Run>>>, Weak<()>) {
        let (runs, alive) = (Arc::default(), Arc::new(()));
        let weak = Arc::downgrade(&alive);
        (Self { runs: Arc::clone(&runs), alive }, runs, weak)
    }

    fn keep(&self, run: &Run) {
        assert!(Arc::strong_count(&self.alive) > 0);
        self.runs.lock().unwrap().push(run.clone());
    }
}

impl CallbackHandler for Keeper {
    fn on_event(&self, run: &Run, _: &Event) {
        self.keep(run);
    }
}

impl AsyncCallbackHandler for Keeper {
    async fn on_event(&self, run: &Run, _: &Event) {
        self.keep(run);
    }
}

/// Makes one call that completes, one that is dropped midway and one that fails: nine events.
async fn calls(layer: &CallbackLayer) {
    let complete = Script::answer(["a"]);
    let cancelled = Script::new().respond().text("a").text("b").hang();
    let failed = Script::new().fail("no").respond();
    for script in [complete, cancelled, failed] {
        let mut model = layer.layer(ScriptedModel::new(script));
        if let Ok(stream) = call(&mut model).await {
            read(stream.take(2)).await;
        }
    }
}

/// The handler keeps runs, which do not keep the handler: it is dropped with its layer.
#[test]
fn a_kept_run_does_not_keep_a_local_handler() {
    in_each_mode(|mode| async move {
        let (handler, runs, alive) = Keeper::new();
        let callbacks = Callbacks::new().add(mode.handler(handler));
        let layer = CallbackLayer::new(callbacks.clone());
        calls(&layer).await;
        assert!(callbacks.flush(PATIENCE).await.is_complete());
        assert_eq!(runs.lock().unwrap().len(), 9);
        drop((layer, callbacks));
        timeout(PATIENCE, until(|| alive.strong_count() == 0)).await.expect("the handler is kept");
        // The runs are still usable.
        assert!(runs.lock().unwrap().iter().all(|run| run.emit("late", 1).is_err()));
    });
}

/// Children inherit from a run as long as the run is kept, and no longer.
#[test]
fn a_kept_run_keeps_inheritable_handlers() {
    in_each_mode(|mode| async move {
        let (handler, runs, alive) = Keeper::new();
        let callbacks = Callbacks::new().add(mode.handler(handler));
        let layer = CallbackLayer::new(Callbacks::new()).inheritable_callbacks(&callbacks);
        calls(&layer).await;
        assert!(callbacks.flush(PATIENCE).await.is_complete());
        drop((layer, callbacks));
        let kept = std::mem::take(&mut *runs.lock().unwrap());
        assert!(alive.strong_count() > 0);
        let child = CallbackLayer::new(Callbacks::new());
        let mut child = child.layer(ScriptedModel::new(Script::new().hang()));
        drop(kept[0].scope(|| child.call(request())));
        timeout(PATIENCE, until(|| runs.lock().unwrap().len() == 2))
            .await
            .expect("the inherited handler is not notified");
        runs.lock().unwrap().clear();
        drop(kept);
        // The child's run is not kept. A thread may still be at its last event.
        let gone = until(|| {
            runs.lock().unwrap().clear();
            alive.strong_count() == 0
        });
        timeout(PATIENCE, gone).await.expect("the handler is kept");
    });
}
