//! D: calls that are closed before their end. What LangChain closes with `aclose` is dropped here.

use futures::StreamExt;
use support::{Gate, MODES, Recorders, call, everywhere, on_each_runtime, read, runs};
use tower_llm_callbacks::{
    Abort, Aborted, ErrorKind, EventKind,
    testing::{Script, assert_promises},
};

use super::settled;

/// Dropping a stream cancels the model before `drop` returns, in any scope. An ended stream stays ended.
#[test]
fn case_32_dropping_cancels_the_model() {
    everywhere(|recorders| async move {
        let (inner, mut model) = recorders.model(Script::new().respond().text("a").hang());
        {
            let mut scoped = Some(call(&mut model).await.unwrap());
            scoped.as_mut().unwrap().next().await.unwrap().unwrap();
            assert_eq!(inner.live(), 1);
            drop(scoped.take());
            assert_eq!(inner.live(), 0);
            drop(scoped.take());
        }
        recorders.ended(Some(ErrorKind::Cancelled)).await;
    });
    everywhere(|recorders| async move {
        let (inner, mut model) = recorders.model(Script::answer(["a"]));
        let mut stream = call(&mut model).await.unwrap();
        assert!(read(&mut stream).await.1.is_none());
        for _ in 0..3 {
            assert!(stream.next().await.is_none());
        }
        drop(stream);
        assert_eq!(inner.live(), 0);
        recorders.ended(None).await;
    });
}

/// A stream dropped after some chunks has no end and exactly one error, cancelled, with what was read.
#[test]
fn case_33_a_stream_dropped_midway_is_cancelled() {
    for chunks in 0..3 {
        everywhere(move |recorders| async move {
            let (_, mut model) = recorders.model(Script::answer(["a", "b", "c"]));
            let mut stream = call(&mut model).await.unwrap();
            for _ in 0..chunks {
                stream.next().await.unwrap().unwrap();
            }
            drop(stream);
            let end = recorders.ended(Some(ErrorKind::Cancelled)).await;
            assert_eq!(end.kind(), EventKind::LlmError);
            assert_eq!(end.result().unwrap().text(), &"abc"[..chunks]);
        });
    }
}

/// A call cancelled or aborted before the model is called never calls it and has one error. A waiting caller
/// gets it.
#[test]
fn case_34_a_call_ended_at_the_start_never_reaches_the_model() {
    everywhere(|recorders| async move {
        let gate = Gate::new();
        let recorders = recorders.with(gate.at(EventKind::LlmStart));
        let (inner, mut model) = recorders.model(Script::answer(["a"]));
        let task = tokio::spawn(async move { call(&mut model).await.map(drop) });
        gate.entered().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        gate.open();
        recorders.ended(Some(ErrorKind::Cancelled)).await;
        assert_eq!(inner.calls(), 0);
    });
    everywhere(|recorders| async move {
        let (gate, (keep, kept)) = (Gate::new(), runs());
        let recorders = recorders.with(keep).with(gate.at(EventKind::LlmStart));
        let (inner, mut model) = recorders.model(Script::answer(["a"]));
        let task = tokio::spawn(async move { call(&mut model).await.map(drop) });
        gate.entered().await;
        assert!(kept.lock().unwrap()[0].abort(Abort::new("enough")));
        gate.open();
        assert!(task.await.unwrap().unwrap_err().is::<Aborted>());
        recorders.ended(Some(ErrorKind::Aborted)).await;
        assert_eq!(inner.calls(), 0);
    });
}

/// A call dropped while a handler is at the end of a complete answer stays complete.
#[test]
fn case_35_a_call_dropped_while_the_end_is_handled_is_complete() {
    everywhere(|recorders| async move {
        let gate = Gate::new();
        let recorders = recorders.with(gate.at(EventKind::LlmEnd));
        let (_, mut model) = recorders.model(Script::answer(["a"]));
        let task = tokio::spawn(async move { read(call(&mut model).await.unwrap()).await });
        gate.entered().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        gate.open();
        assert_eq!(recorders.ended(None).await.result().unwrap().text(), "a");
    });
}

/// A caller that is cancelled while handlers are at a start, a token or an end does not wait for them.
#[test]
fn case_36_the_callers_cancellation_does_not_wait() {
    for kind in [EventKind::LlmStart, EventKind::LlmNewToken, EventKind::LlmEnd] {
        on_each_runtime(move || async move {
            let gate = Gate::new();
            let recorders = Recorders::new(&MODES).with(gate.at(kind).lockstep());
            let (inner, model) = recorders.model(Script::answer(["a", "b"]));
            let reads = |mut model| async move { read(call(&mut model).await.unwrap()).await };
            // The first caller's task is aborted. The second one loses a race.
            let task = tokio::spawn(reads(model.clone()));
            gate.entered().await;
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            tokio::select! {
                () = gate.entered() => {}
                _ = reads(model) => panic!("the call does not wait for the handler"),
            }
            assert_eq!(inner.live(), 0);
            gate.open();
            settled(&recorders.callbacks).await;
            recorders.faults.none();
            for (mode, recorder) in &recorders.each {
                assert_promises(&recorder.events());
                let ends = recorder.terminals();
                assert_eq!(ends.len(), 2, "{mode:?}");
                let completed = ends.iter().all(|end| end.error().is_none());
                assert_eq!(completed, kind == EventKind::LlmEnd, "{mode:?}");
            }
        });
    }
}
