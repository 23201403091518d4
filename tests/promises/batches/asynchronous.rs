//! Batches of async handlers: events of one run.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::StreamExt;
use support::{
    Faults, quiet_panics, request,
    schedule::{ask, flushed, wrap},
};
use tokio::time::sleep;
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, Callbacks, EventKind, FaultKind, Registration,
    handler::{BatchError, BatchEvent},
    testing::{Recorder, Script, assert_promises},
};

use super::{MS, Seen, is_token};

/// Records batches, and takes a while for each.
#[derive(Clone, Default)]
struct Slow {
    seen: Arc<Mutex<Vec<Vec<Seen>>>>,
    recorder: Recorder,
}

impl AsyncCallbackHandler for Slow {
    async fn on_events(&self, batch: &[BatchEvent<'_>]) -> Result<(), BatchError> {
        let events = batch.iter().map(|one| (one.run.run_id(), one.event.kind()));
        self.seen.lock().unwrap().push(events.collect());
        sleep(MS).await;
        for BatchEvent { run, event, .. } in batch {
            CallbackHandler::on_event(&self.recorder, run, event);
        }
        Ok(())
    }
}

/// What is there when the handler comes to it, at most 64 events, all of one run.
#[tokio::test(start_paused = true)]
async fn a_batch_has_what_is_there_of_one_run() {
    let handler = Slow::default();
    let registration = Registration::async_handler(handler.clone()).background().capacity(1_000);
    let callbacks = Callbacks::new().add(registration);
    let (_, model) = wrap(&callbacks, Script::answer((0..200).map(|_| "a")));
    for _ in 0..3 {
        ask(&mut model.clone()).await.unwrap();
    }
    flushed(&callbacks).await;
    assert_promises(&handler.recorder.events());
    assert_eq!(handler.recorder.text().len(), 600);
    let batches = handler.seen.lock().unwrap();
    assert!(batches.iter().all(|batch| (1..=64).contains(&batch.len())));
    assert!(batches.iter().any(|batch| batch.len() == 64));
    assert!(batches.len() < 3 * 8, "{}", batches.len());
    assert!(batches.iter().all(|batch| batch.iter().all(|(run_id, _)| *run_id == batch[0].0)));
}

/// Wherever a handler that has only `on_events` is called, it is called with that.
#[tokio::test(start_paused = true)]
async fn on_events_alone_is_enough() {
    let handler = Slow::default();
    let of = Registration::async_handler::<Slow>;
    let registrations = [
        of(handler.clone()),
        of(handler.clone()).lockstep(),
        of(handler.clone()).background(),
        Registration::async_handler(Box::new(handler.clone())),
        Registration::async_handler(Arc::new(handler.clone())),
        Registration::async_handler(Some(handler.clone())),
        Registration::async_handler(tower_llm_callbacks::handlers::TimedHandler::new(
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

/// The events before the one that failed are handled, the rest are lost.
#[tokio::test(start_paused = true)]
async fn a_failed_batch_detaches_from_its_run() {
    quiet_panics();
    type Fails = fn(&[BatchEvent<'_>]) -> Result<(), BatchError>;
    let cases: [(Fails, FaultKind, u64); 3] = [
        (|_| Err(BatchError::after(1, "no space")), FaultKind::Failed, 3),
        (|_| Err("no space".into()), FaultKind::Failed, 4),
        (|_| panic!("no space"), FaultKind::Panicked, 4),
    ];
    for (fails, kind, lost) in cases {
        let faults = Faults::default();
        let failing = Failing { slow: Slow::default(), fails };
        let callbacks = Callbacks::new()
            .on_fault(faults.hook())
            .add(Registration::async_handler(failing).linger(Duration::from_secs(3600)));
        let script = Script::new().respond().pause(10 * MS).text("a").pause(MS);
        let script = ["b", "c", "d", "e"].iter().fold(script, |script, text| script.text(*text));
        let (_, model) = wrap(&callbacks, script.hang());
        let reading =
            tokio::spawn(async move { model.oneshot(request()).await.unwrap().count().await });
        sleep(100 * MS).await;
        flushed(&callbacks).await;
        let faults = faults.all();
        assert_eq!(faults.len(), 1);
        assert_eq!((faults[0].kind, faults[0].lost_events), (kind, lost));
        assert_eq!(faults[0].event, Some(EventKind::LlmNewToken));
        assert_eq!(faults[0].message.as_deref(), Some("no space"));
        reading.abort();
    }
}

/// Fails at a batch of several tokens.
struct Failing {
    slow: Slow,
    fails: fn(&[BatchEvent<'_>]) -> Result<(), BatchError>,
}

impl AsyncCallbackHandler for Failing {
    async fn on_events(&self, batch: &[BatchEvent<'_>]) -> Result<(), BatchError> {
        self.slow.on_events(batch).await?;
        match batch {
            [first, _, ..] if is_token(first.event.kind()) => (self.fails)(batch),
            _ => Ok(()),
        }
    }
}
