//! What comes of a batch that fails.

use std::sync::{Arc, Mutex, OnceLock};

use support::{
    Faults, quiet_panics,
    schedule::{ask, flushed, wrap},
};
use tokio::{task::AbortHandle, time::sleep};
use tower_llm_callbacks::{
    Callbacks, EventKind, FaultKind, Registration, callbacks::Suspension, handler::BatchError,
    testing::Script,
};

use super::{Batches, MS, Two, is_token};

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
