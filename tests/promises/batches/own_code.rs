//! Calls and flushes in a batch.

use std::sync::{Arc, Mutex, OnceLock};

use futures::future::BoxFuture;
use support::{
    PATIENCE,
    schedule::{ask, flushed, wrap},
};
use tokio::{runtime::Handle, time::Instant};
use tower_llm_callbacks::{
    Callbacks,
    testing::{Recorder, Script},
};

use super::{Batches, Two};

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
