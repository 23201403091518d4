//! Promises 1, 2 and 5 for lockstep handlers. The stream itself may poll their futures, which must not show,
//! wherever it is polled and however it ends.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{FutureExt, StreamExt, executor::block_on};
use support::schedule::{
    Gate, LIMIT, Mode, Stuck, counting, flushed, quiet_panics, request, within, wrap,
};
use tokio::{runtime::Builder, time::sleep};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delta, EventKind, LlmChunk, Registration,
    chat::ChatRequest,
    on_event_async,
    testing::{Recorder, assert_promises},
};

const LOCKSTEP: [Mode; 2] = [Mode::AWAITED[1], Mode::AWAITED[3]];

/// A chunk whose decoding panics after a first token.
#[derive(Debug, Clone)]
struct Bomb;

impl LlmChunk for Bomb {
    const HAS_END_MARK: bool = false;

    fn deltas(&self, each: &mut dyn FnMut(Delta<'_>)) {
        each(Delta::text("tick"));
        panic!("scripted panic");
    }
}

#[tokio::test]
async fn a_chunk_that_panics_while_decoded_leaves_no_event_behind() {
    quiet_panics();
    for mode in Mode::ALL {
        let recorder = Recorder::new();
        let callbacks = Callbacks::new().add(mode.handler(recorder.clone()));
        let inner = service_fn(|_: ChatRequest| async {
            Ok::<_, BoxError>(futures::stream::iter([Ok::<_, BoxError>(Bomb)]))
        });
        let mut model = CallbackLayer::new(callbacks.clone()).layer(inner);
        let mut answer = within(model.ready().await.unwrap().call(request())).await.unwrap();
        flushed(&callbacks).await;
        // Every woken task has run.
        sleep(Duration::from_millis(5)).await;
        let read = AssertUnwindSafe(async { answer.next().await.is_some() }).catch_unwind().await;
        assert!(read.is_err());
        let _ = catch_unwind(AssertUnwindSafe(|| drop(answer)));
        flushed(&callbacks).await;
        assert_eq!(recorder.text(), "tick", "{mode:?}");
        assert_eq!(recorder.terminals().len(), 1, "{mode:?}");
        assert_promises(&recorder.events());
    }
}

#[test]
fn an_async_handler_runs_in_its_runtime_when_polled_elsewhere() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for polls_in in [None, Some(Builder::new_current_thread().build().unwrap())] {
        for mode in [Mode::AWAITED[2], Mode::AWAITED[3], Mode::BACKGROUND[1]] {
            let recorder = Recorder::new();
            let record = recorder.clone();
            let handler = on_event_async(move |run, event| {
                let record = record.clone();
                async move {
                    // The handler needs the runtime's timer and spawner.
                    sleep(Duration::from_millis(1)).await;
                    let record = async move {
                        tower_llm_callbacks::CallbackHandler::on_event(&record, &run, &event);
                    };
                    tokio::spawn(record).await.unwrap();
                }
            });
            let faults = Arc::new(Mutex::new(Vec::new()));
            let hook = faults.clone();
            let callbacks = Callbacks::new()
                .runtime(runtime.handle().clone())
                .on_fault(move |fault| hook.lock().unwrap().push(fault.clone()))
                .add(mode.way(Registration::async_handler(handler)));
            let (_, mut model) = wrap(&callbacks, counting(3));
            let call = async {
                let answer = model.ready().await.unwrap().call(request()).await.unwrap();
                answer.collect::<Vec<_>>().await.len()
            };
            let items = match &polls_in {
                None => block_on(call),
                Some(other) => other.block_on(call),
            };
            assert_eq!(items, 5);
            runtime.block_on(flushed(&callbacks));
            assert!(faults.lock().unwrap().is_empty(), "{mode:?}: {:?}", faults.lock().unwrap());
            assert_eq!(recorder.kinds().len(), 5, "{mode:?}");
            assert_promises(&recorder.events());
        }
    }
    runtime.shutdown_timeout(LIMIT);
}

#[tokio::test]
async fn a_handler_continues_after_its_waiting_stream_is_dropped() {
    for mode in LOCKSTEP {
        let gate = Gate::new();
        let stuck = Stuck::at(EventKind::LlmNewToken, &gate);
        let callbacks = Callbacks::new().add(mode.handler(stuck.clone()));
        let (_, mut model) = wrap(&callbacks, counting(3));
        let mut answer = within(model.ready().await.unwrap().call(request())).await.unwrap();
        assert!(answer.next().now_or_never().is_none());
        drop(answer);
        gate.open();
        flushed(&callbacks).await;
        assert_eq!(stuck.returned.text(), "0 ", "{mode:?}");
        assert_eq!(stuck.returned.terminals().len(), 1, "{mode:?}");
        assert_promises(&stuck.recorder.events());
    }
}
