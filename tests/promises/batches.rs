//! Handlers that take several events at once: what a batch has, and what comes of one that fails.

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use futures::{StreamExt, future::BoxFuture};
use support::{
    Faults, PATIENCE, quiet_panics, request,
    schedule::{ask, flushed, wrap},
};
use tokio::{
    runtime::Handle,
    task::AbortHandle,
    time::{Instant, sleep},
};
use tower_llm_callbacks::{
    CallbackHandler, Callbacks, EventKind, FaultKind, Registration,
    callbacks::Suspension,
    handler::{BatchError, BatchEvent},
    layer::CallbackService,
    testing::{Recorder, Script, ScriptedModel, assert_promises},
};
use uuid::Uuid;

const MS: Duration = Duration::from_millis(1);

type OnBatch = dyn Fn(&[BatchEvent<'_>]) -> Result<(), BatchError> + Send + Sync;

/// Records batches, and then does something with them.
#[derive(Clone)]
struct Batches {
    seen: Arc<Mutex<Vec<Vec<(Uuid, EventKind)>>>>,
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

    fn last(&self) -> Vec<(Uuid, EventKind)> {
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

    async fn end(self) -> Vec<tower_llm_callbacks::Fault> {
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
    let busy = Arc::new(Mutex::new(()));
    let held = busy.lock().unwrap();
    let gate = Arc::clone(&busy);
    let handler = Batches::new(move |_| {
        drop(gate.lock().unwrap());
        Ok(())
    });
    let registration = Registration::blocking(handler.clone()).background().capacity(1_000);
    let callbacks = Callbacks::new().add(registration.threads(1));
    let (_, model) = wrap(&callbacks, Script::answer((0..100).map(|_| "a")));
    for _ in 0..8 {
        ask(&mut model.clone()).await.unwrap();
    }
    drop(held);
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

#[tokio::test(start_paused = true)]
async fn an_error_after_some_events_detaches_from_one_run() {
    let failed = Arc::new(OnceLock::new());
    let first = Arc::clone(&failed);
    let handler = Batches::new(move |batch| {
        if batch.len() == 4 {
            first.set(batch[1].run.run_id()).unwrap();
            return Err(BatchError::after(1, "no space"));
        }
        Ok(())
    });
    let two = Two::new(|it| it, &handler).await;
    flushed(&two.callbacks).await;
    let failed = *failed.get().unwrap();
    let batches = handler.seen.lock().unwrap().clone();
    let [.., whole, rest] = &*batches else { panic!("{batches:?}") };
    let others: Vec<_> = whole[2..].iter().filter(|(run_id, _)| *run_id != failed).collect();
    assert_eq!(rest.iter().collect::<Vec<_>>(), others, "the rest, without the run that failed");
    let faults = two.end().await;
    assert_eq!(faults.len(), 1);
    assert_eq!((faults[0].run_id, faults[0].kind), (failed, FaultKind::Failed));
    assert_eq!(faults[0].event, Some(EventKind::LlmNewToken));
    assert_eq!(faults[0].message.as_deref(), Some("no space"));
    assert_eq!(handler.recorder.terminals().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_error_or_a_panic_detaches_from_all_runs_of_the_batch() {
    quiet_panics();
    for panics in [false, true] {
        let handler = Batches::new(move |batch| match batch.len() {
            4 if panics => panic!("scripted panic"),
            4 => Err("no space".into()),
            _ => Ok(()),
        });
        let two = Two::new(|it| it, &handler).await;
        flushed(&two.callbacks).await;
        let batches = handler.sizes().len();
        let faults = two.end().await;
        assert_eq!(handler.sizes().len(), batches, "a detached handler is called");
        assert_eq!(faults.len(), 2);
        assert_ne!(faults[0].run_id, faults[1].run_id);
        let kind = if panics { FaultKind::Panicked } else { FaultKind::Failed };
        let message = if panics { "scripted panic" } else { "no space" };
        for fault in &faults {
            assert_eq!((fault.kind, fault.lost_events), (kind, 2));
            assert_eq!(fault.message.as_deref(), Some(message));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_batch_suspends_and_aborts_as_any_other() {
    let fails = || Batches::new(|batch| if batch.len() == 4 { Err("no".into()) } else { Ok(()) });
    let two = Two::new(|it| it.suspension(Suspension::after(2)), &fails()).await;
    flushed(&two.callbacks).await;
    assert!(two.callbacks.stats()[0].suspended);
    assert_eq!(two.end().await.len(), 3);

    let two = Two::new(Registration::abort_on_fault, &fails()).await;
    flushed(&two.callbacks).await;
    sleep(MS).await;
    assert!(two.tasks.iter().all(AbortHandle::is_finished), "the calls go on");
}

/// The deadline is that of a batch.
#[tokio::test]
async fn a_batch_has_a_deadline() {
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let handler = Batches::new(move |batch| {
        if batch.iter().any(|one| is_token(one.event.kind())) {
            let _ = gate.lock().unwrap().recv();
        }
        Ok(())
    });
    let faults = Faults::default();
    let registration = Registration::blocking(handler).deadline(50 * MS).linger(5 * MS);
    let callbacks = Callbacks::new().on_fault(faults.hook()).add(registration.threads(1));
    let (_, mut model) = wrap(&callbacks, Script::answer(["a", "b", "c"]));
    assert_eq!(ask(&mut model).await.unwrap().len(), 5);
    flushed(&callbacks).await;
    assert_eq!(faults.one().kind, FaultKind::DeadlineExceeded);
    drop(open);
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

/// Calls in a batch notify others only, and are made in the runtime of its runs.
#[tokio::test(start_paused = true)]
async fn code_of_a_batch_does_not_notify_its_handler() {
    type Call = Arc<OnceLock<Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>>>;
    let call = Call::default();
    let calls = Arc::clone(&call);
    let handler = Batches::new(move |batch| {
        if batch.len() == 4 {
            Handle::current().block_on(calls.get().unwrap()());
        }
        Ok(())
    });
    let two = Two::new(|it| it, &handler).await;
    let other = Recorder::new();
    let callbacks = two.callbacks.clone().inline(other.clone());
    let (_, model) = wrap(&callbacks, Script::answer(["inner"]));
    let make = move || -> BoxFuture<'static, ()> {
        let mut model = model.clone();
        Box::pin(async move { drop(ask(&mut model).await.unwrap()) })
    };
    assert!(call.set(Box::new(make)).is_ok());
    flushed(&two.callbacks).await;
    assert_eq!(handler.last().len(), 4);
    assert_eq!((other.text(), other.run_ids().len()), ("inner".to_owned(), 1));
    assert!(two.end().await.is_empty());
    assert_eq!(handler.recorder.run_ids().len(), 2);
}

/// A flush in a batch waits for none of its events.
#[tokio::test(start_paused = true)]
async fn a_flush_in_a_batch_does_not_wait_for_it() {
    let set = Arc::new(OnceLock::<Callbacks>::new());
    let (own, complete) = (Arc::clone(&set), Arc::new(Mutex::new(None)));
    let seen = Arc::clone(&complete);
    let handler = Batches::new(move |batch| {
        if batch.len() == 4 {
            let report = own.get().unwrap().flush_blocking(PATIENCE);
            *seen.lock().unwrap() = Some(report.is_complete());
        }
        Ok(())
    });
    let two = Two::new(|it| it, &handler).await;
    set.set(two.callbacks.clone()).unwrap();
    let before = Instant::now();
    flushed(&two.callbacks).await;
    assert!(before.elapsed() < PATIENCE);
    assert!(complete.lock().unwrap().is_some(), "the flush of the handler has returned");
    assert!(two.end().await.is_empty());
}
