//! Each handler receives one terminal event, however a call ends.

use std::{error::Error, fmt, io, panic::AssertUnwindSafe, time::Duration};

use futures::{FutureExt, StreamExt, poll};
use support::{Gate, PATIENCE, everywhere, panic_of, read, request, runs};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn, timeout::TimeoutLayer};
use tower_llm_callbacks::{
    Abort, Aborted, CallbackLayer, Callbacks, ErrorKind, EventKind, ProviderError, Run, RunType,
    event::{InvalidRequest, Truncated},
    testing::{Script, ScriptedModel, assert_promises},
};

use super::{chain, ended};

#[test]
fn an_error_reaches_the_caller_unchanged() {
    everywhere(|recorders| async move {
        let inner = service_fn(|(): ()| async { Err::<(), _>(io::Error::other("refused")) });
        let error = chain(&recorders).layer(inner).oneshot(()).await.unwrap_err();
        assert!(error.is::<io::Error>());
        let end = ended(&recorders, Some(ErrorKind::Failed)).await;
        assert_eq!(end.error().unwrap().message(), "refused");
    });
}

#[derive(Debug)]
struct Wrapped(BoxError);

impl fmt::Display for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("step 2 failed")
    }
}

impl Error for Wrapped {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

#[test]
fn an_error_kind_is_found_in_the_sources() {
    for (kind, cause) in [
        (ErrorKind::Provider, (|| ProviderError::new("overloaded").into()) as fn() -> BoxError),
        (ErrorKind::Truncated, || Truncated::default().into()),
        (ErrorKind::Invalid, || InvalidRequest::new("no name").into()),
        (ErrorKind::Failed, || io::Error::other("x").into()),
    ] {
        everywhere(|recorders| async move {
            let inner = service_fn(move |(): ()| async move { Err::<(), _>(Wrapped(cause())) });
            assert!(chain(&recorders).layer(inner).oneshot(()).await.unwrap_err().is::<Wrapped>());
            ended(&recorders, Some(kind)).await;
        });
    }
}

#[test]
fn drop_before_and_after_the_first_poll_ends_cancelled() {
    for polled in [false, true] {
        everywhere(|recorders| async move {
            let inner = service_fn(|(): ()| std::future::pending::<Result<(), BoxError>>());
            let mut service = chain(&recorders).layer(inner);
            let mut call = Box::pin(service.ready().await.unwrap().call(()));
            if polled {
                assert!(poll!(&mut call).is_pending());
            }
            drop(call);
            ended(&recorders, Some(ErrorKind::Cancelled)).await;
        });
    }
}

#[test]
fn a_timeout_above_cancels_the_run() {
    everywhere(|recorders| async move {
        let inner = service_fn(|(): ()| std::future::pending::<Result<(), BoxError>>());
        let timeout = TimeoutLayer::new(Duration::from_millis(1));
        let mut service = timeout.layer(chain(&recorders).layer(inner));
        assert!(service.ready().await.unwrap().call(()).await.is_err());
        ended(&recorders, Some(ErrorKind::Cancelled)).await;
    });
}

#[test]
fn a_panic_reaches_the_caller_and_ends_the_run() {
    for in_call in [true, false] {
        everywhere(|recorders| async move {
            let inner = service_fn(move |(): ()| {
                assert!(!in_call, "in the call");
                async { panic!("in the future") as Result<(), BoxError> }
            });
            let service = chain(&recorders).layer(inner);
            let outcome = AssertUnwindSafe(service.oneshot(())).catch_unwind().await;
            assert!(outcome.is_err());
            ended(&recorders, Some(ErrorKind::Panic)).await;
        });
    }
}

/// `input` and `output` only observe: a panic there costs neither the caller nor a handler anything but the value.
#[test]
fn a_panic_in_input_or_output_leaves_the_call_alone() {
    everywhere(|recorders| async move {
        let inner = || service_fn(|(): ()| async { Ok::<_, BoxError>(1) });
        let input = chain(&recorders).input(|_: &()| -> i32 { panic!("input") }).layer(inner());
        assert_eq!(input.oneshot(()).await.unwrap(), 1);
        ended(&recorders, None).await;
    });
    everywhere(|recorders| async move {
        let inner = service_fn(|(): ()| async { Ok::<_, BoxError>(1) });
        let output = chain(&recorders).output(|_: &i32| -> i32 { panic!("output") }).layer(inner);
        assert_eq!(output.oneshot(()).await.unwrap(), 1);
        ended(&recorders, None).await;
    });
}

#[test]
fn an_abort_in_the_start_phase_skips_the_inner_call() {
    everywhere(|recorders| async move {
        let gate = Gate::new();
        let (handler, runs) = runs();
        let recorders = recorders.with(gate.at(EventKind::RunStart(RunType::Chain))).with(handler);
        let inner = service_fn(|(): ()| async { panic!("called") as Result<(), BoxError> });
        let service = chain(&recorders).layer(inner);
        let aborts = async {
            gate.entered().await;
            assert!(runs.lock().unwrap()[0].abort(Abort::new("enough")));
        };
        let (outcome, ()) = tokio::join!(service.oneshot(()), async {
            aborts.await;
            gate.open();
        });
        assert_eq!(
            outcome.unwrap_err().downcast_ref::<Aborted>().unwrap().abort().reason(),
            "enough"
        );
        let end = ended(&recorders, Some(ErrorKind::Aborted)).await;
        assert_eq!(end.error().unwrap().message(), "enough");
    });
}

#[test]
fn an_abort_from_inside_replaces_the_response() {
    everywhere(|recorders| async move {
        let inner = service_fn(|(): ()| async {
            assert!(Run::current().unwrap().abort(Abort::new("enough")));
            Ok::<_, BoxError>("a discarded response")
        });
        let error = chain(&recorders).layer(inner).oneshot(()).await.unwrap_err();
        assert!(error.is::<Aborted>());
        ended(&recorders, Some(ErrorKind::Aborted)).await;
    });
}

/// A cancelled chain cancels its children, which end before it.
#[test]
fn children_end_before_a_dropped_chain() {
    everywhere(|recorders| async move {
        let model = ScriptedModel::new(Script::new().respond().text("a").hang());
        let model = CallbackLayer::new(Callbacks::new()).layer(model);
        let inner = service_fn(move |(): ()| {
            let mut model = model.clone();
            async move {
                let mut answer = model.ready().await?.call(request()).await?;
                while let Some(chunk) = answer.next().await {
                    chunk?;
                }
                Ok::<_, BoxError>(())
            }
        });
        let layer = tower_llm_callbacks::RunLayer::chain("chain")
            .inheritable_callbacks(&recorders.callbacks);
        let mut call = Box::pin(layer.layer(inner).oneshot(()));
        let tokens = async {
            while recorders.each.iter().any(|(_, recorder)| recorder.text().is_empty()) {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = &mut call => panic!("the call ends although the model hangs"),
            () = tokens => {}
        }
        drop(call);
        assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
        for (mode, recorder) in &recorders.each {
            assert_promises(&recorder.events());
            let ends = recorder.terminals();
            assert_eq!(ends.len(), 2, "{mode:?}");
            let child = ends.iter().find(|end| end.parent_run_id.is_some()).unwrap();
            let parent = ends.iter().find(|end| end.parent_run_id.is_none()).unwrap();
            assert_eq!(child.result().unwrap().text(), "a");
            // The child's terminal is emitted first, although queues do not wait for each other after a drop.
            assert!(child.time <= parent.time, "{mode:?}");
        }
    });
}

#[test]
fn a_completed_call_panics_when_polled_again() {
    let recorders = support::Recorders::new(&[]);
    let call =
        chain(&recorders).layer(service_fn(|(): ()| async { Ok::<_, BoxError>(()) })).oneshot(());
    let mut call = Box::pin(call);
    assert!(call.as_mut().now_or_never().is_some());
    panic_of(move || call.as_mut().now_or_never());
    // An ended stream stays ended.
    assert!(read(futures::stream::empty()).now_or_never().is_some());
}
