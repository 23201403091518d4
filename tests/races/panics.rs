//! Code of others that panics where nobody expects it.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures::{FutureExt, StreamExt, stream};
use tokio::time::timeout;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delta, Handler, LlmChunk, chat::ChatRequest, testing::Recorder,
};

use super::support::{Flavor, MODES, Told, request, until};

/// A chunk that panics after it has told a token.
struct Faulty;

impl LlmChunk for Faulty {
    fn deltas(&self, each: &mut dyn FnMut(Delta<'_>)) {
        each(Delta::text("a"));
        panic!("a chunk that cannot be read");
    }
}

/// The token is handled, and the terminal event, though the stream never came to wait for them.
#[test]
fn a_chunk_that_panics_leaves_no_event_behind() {
    for mode in MODES {
        Flavor::Multi.runtime().block_on(async {
            let told = Told::new(&[mode]);
            let model = service_fn(|_: ChatRequest| async {
                Ok::<_, BoxError>(stream::iter([Ok::<_, BoxError>(Faulty)]))
            });
            let mut answer = told.layer().layer(model).oneshot(request()).await.unwrap();
            assert!(AssertUnwindSafe(answer.next()).catch_unwind().await.is_err());
            drop(answer);
            let flushed = told.callbacks.flush(Duration::from_secs(3)).await;
            assert!(flushed.is_complete(), "{mode:?}: {flushed:?}");
            assert_eq!(told.recorders[0].1.terminals().len(), 1, "{mode:?}");
        });
    }
}

/// Nobody goes on looking for the end of a run whose request could not be read.
#[test]
fn a_request_that_panics_leaves_no_task_behind() {
    let runtime = Flavor::Multi.runtime();
    runtime.block_on(async {
        let handler = Handler::blocking(Recorder::new()).deadline(Duration::from_millis(8));
        let model = CallbackLayer::new(Callbacks::new().with(handler))
            .describe(
                |_: &ChatRequest| panic!("a request that cannot be read"),
                |_: &(), _: &mut dyn FnMut(Delta<'_>)| {},
            )
            .layer(service_fn(|_: ChatRequest| async {
                Ok::<_, BoxError>(stream::iter([Ok::<_, BoxError>(())]))
            }));
        let answer = model.clone().oneshot(request());
        assert!(AssertUnwindSafe(answer).catch_unwind().await.is_err());
        let idle = until(|| runtime.metrics().num_alive_tasks() == 0);
        timeout(Duration::from_secs(3), idle).await.expect("a task goes on");
        drop(model);
    });
}
