//! Handlers that take several events at once: what a batch has, and what comes of one that fails.

mod asynchronous;
mod failing;
mod own_code;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::StreamExt;
use support::{
    Faults, request,
    schedule::{Gate, ask, flushed, wrap},
};
use tokio::{task::AbortHandle, time::sleep};
use tower_llm_callbacks::{
    CallbackHandler, Callbacks, EventKind, Fault, Registration,
    handler::{BatchError, BatchEvent},
    layer::CallbackService,
    testing::{Recorder, Script, ScriptedModel, assert_promises},
};
use uuid::Uuid;

const MS: Duration = Duration::from_millis(1);

type OnBatch = dyn Fn(&[BatchEvent<'_>]) -> Result<(), BatchError> + Send + Sync;

/// An event of a batch, with its run.
type Seen = (Uuid, EventKind);

/// Records batches, and then does something with them.
#[derive(Clone)]
struct Batches {
    seen: Arc<Mutex<Vec<Vec<Seen>>>>,
    recorder: Recorder,
    then: Arc<OnBatch>,
}

impl Batches {
    fn new(
        then: impl Fn(&[BatchEvent<'_>]) -> Result<(), BatchError> + Send + Sync + 'static,
    ) -> Self {
        Self { seen: Arc::default(), recorder: Recorder::new(), then: Arc::new(then) }
    }

    fn sizes(&self) -> Vec<usize> {
        self.seen.lock().unwrap().iter().map(Vec::len).collect()
    }

    fn last(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().last().cloned().unwrap_or_default()
    }
}

impl CallbackHandler for Batches {
    fn on_events(&self, batch: &[BatchEvent<'_>]) -> Result<(), BatchError> {
        let events = batch.iter().map(|one| (one.run.run_id(), one.event.kind()));
        self.seen.lock().unwrap().push(events.collect());
        for BatchEvent { run, event, .. } in batch {
            CallbackHandler::on_event(&self.recorder, run, event);
        }
        (self.then)(batch)
    }
}

/// Two runs whose tokens are given to the handler in one batch by a flush.
struct Two {
    callbacks: Callbacks,
    faults: Faults,
    tasks: Vec<AbortHandle>,
}

impl Two {
    async fn new(register: impl FnOnce(Registration) -> Registration, handler: &Batches) -> Self {
        let faults = Faults::default();
        let handler = Registration::blocking(handler.clone()).linger(Duration::from_secs(3600));
        let callbacks = Callbacks::new().on_fault(faults.hook()).add(register(handler));
        let script = Script::new().respond().pause(MS).text("a").pause(MS).text("b");
        let (_, model) = wrap(&callbacks, script.hang());
        let tasks = (0..2).map(|_| keep_reading(&model)).collect();
        sleep(100 * MS).await;
        Self { callbacks, faults, tasks }
    }

    async fn end(self) -> Vec<Fault> {
        self.tasks.iter().for_each(AbortHandle::abort);
        sleep(MS).await;
        flushed(&self.callbacks).await;
        self.faults.all()
    }
}

fn keep_reading(model: &CallbackService<ScriptedModel>) -> AbortHandle {
    let model = model.clone();
    let read = async move {
        let answer = model.oneshot(request()).await.unwrap();
        answer.count().await
    };
    tokio::spawn(read).abort_handle()
}

fn is_token(kind: EventKind) -> bool {
    kind == EventKind::LlmNewToken
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_events_of_several_runs() {
    let handler = Batches::new(|_| Ok(()));
    let two = Two::new(|it| it, &handler).await;
    flushed(&two.callbacks).await;
    let batch = handler.last();
    assert_eq!(batch.len(), 4);
    assert!(batch.iter().all(|(_, kind)| is_token(*kind)));
    assert_ne!(batch[0].0, batch[3].0);
    assert!(two.end().await.is_empty());
    assert_promises(&handler.recorder.events());
    assert_eq!(handler.recorder.text().len(), 4);
    assert_eq!(handler.recorder.terminals().len(), 2);
}

/// At most 256 events, and 64 of one run.
#[tokio::test]
async fn a_batch_is_bounded() {
    let gate = Gate::new();
    let waiter = gate.waiter();
    let handler = Batches::new(move |_| {
        waiter.wait();
        Ok(())
    });
    let registration = Registration::blocking(handler.clone()).background().capacity(1_000);
    let callbacks = Callbacks::new().add(registration.threads(1));
    let (_, model) = wrap(&callbacks, Script::answer((0..100).map(|_| "a")));
    for _ in 0..8 {
        ask(&mut model.clone()).await.unwrap();
    }
    gate.open();
    flushed(&callbacks).await;
    assert_promises(&handler.recorder.events());
    assert_eq!(handler.recorder.text().len(), 800);
    let sizes = handler.sizes();
    assert!(sizes.contains(&256) && sizes.iter().all(|size| *size <= 256), "{sizes:?}");
    for batch in handler.seen.lock().unwrap().iter() {
        for (run_id, _) in batch {
            let of_run = batch.iter().filter(|(other, _)| other == run_id).count();
            assert!(of_run <= 64, "{of_run} events of one run");
        }
    }
}

/// Wherever a handler that has only `on_events` is called, it is called with that.
#[tokio::test]
async fn on_events_alone_is_enough() {
    let handler = Batches::new(|_| Ok(()));
    let registrations = [
        Registration::inline(handler.clone()),
        Registration::blocking(handler.clone()),
        Registration::blocking(handler.clone()).lockstep(),
        Registration::blocking(Box::new(handler.clone())),
        Registration::blocking(Arc::new(handler.clone())),
        Registration::blocking(Some(handler.clone())),
        Registration::blocking(tower_llm_callbacks::handlers::TimedHandler::new(
            "timed",
            handler.clone(),
        )),
    ];
    for registration in registrations {
        handler.seen.lock().unwrap().clear();
        let callbacks = Callbacks::new().add(registration);
        let (_, mut model) = wrap(&callbacks, Script::answer(["a", "b"]));
        ask(&mut model).await.unwrap();
        flushed(&callbacks).await;
        let kinds: Vec<_> = handler.seen.lock().unwrap().iter().flatten().map(|it| it.1).collect();
        use EventKind::{LlmEnd, LlmNewToken, LlmStart};
        assert_eq!(kinds, [LlmStart, LlmNewToken, LlmNewToken, LlmEnd]);
    }
}
