//! Aborts of a prompt's run and of the whole batch.

use std::{
    error::Error,
    sync::{Arc, Mutex},
    task::Poll,
};

use futures::{StreamExt, stream};
use support::{Mode, everywhere, on_each_runtime, request, runs, until};
use tokio::sync::Notify;
use tokio_test::{assert_pending, assert_ready, task};
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    Abort, Aborted, CallbackLayer, Callbacks, ErrorKind, EventData, EventKind, Run, RunType,
    batch::Batch,
    chat::{ChatChunk, ChatRequest},
    on_event, on_event_async,
    testing::{Recorder, Script},
};

use super::{Prompts, answer, assert_delivered, chain, prompt_starts};

/// Aborts a run at an event, or at a token with this text.
fn aborting(at: EventKind, text: &'static str) -> Callbacks {
    Callbacks::new().inline(on_event(move |run, event| {
        let matches = match event.data() {
            EventData::LlmNewToken(token) => token.text() == text,
            _ => text.is_empty(),
        };
        if event.kind() == at && matches {
            assert!(run.abort(Abort::new("enough")));
        }
    }))
}

#[test]
fn an_aborted_prompt_does_not_affect_the_others() {
    everywhere(|recorders| async move {
        let script = Script::new().respond().text("so far").text("bad").complete("stop");
        let prompts = Prompts::new([answer("a"), script, answer("b")]);
        let callbacks = recorders.callbacks.clone().merge(aborting(EventKind::LlmNewToken, "bad"));
        let model = CallbackLayer::new(callbacks).layer(prompts.clone());
        let generate = Batch::new().callbacks(&recorders.callbacks);
        let batch = generate.run(&model, prompts.requests()).await.unwrap();
        assert_delivered(&recorders).await;
        let [Ok(_), Err(error), Ok(_)] = &batch.generations[..] else { panic!("{batch:?}") };
        let aborted = error.source().unwrap().downcast_ref::<Aborted>().unwrap();
        assert_eq!(aborted.abort().reason(), "enough");
        // The chunk on which the call was aborted does not reach the consumer.
        assert_eq!(error.partial().text(), "so far");
        for (_, recorder) in &recorders.each {
            let run = recorder.run(batch.run_ids[1].unwrap());
            assert_eq!(run.last().unwrap().error().unwrap().kind(), ErrorKind::Aborted);
            assert_eq!(chain(recorder).1.kind(), EventKind::RunEnd(RunType::Chain));
        }
    });
}

/// A complete answer may still be aborted while handlers are at its last tokens.
#[test]
fn an_abort_after_the_end_mark_counts() {
    on_each_runtime(|| async {
        let ended = Arc::new(Notify::new());
        let waits = Arc::clone(&ended);
        let aborting = on_event_async(move |run, event| {
            let ended = Arc::clone(&waits);
            async move {
                if event.kind() == EventKind::LlmNewToken {
                    ended.notified().await;
                    assert!(run.abort(Abort::new("enough")));
                }
            }
        });
        let recorder = Recorder::new();
        let callbacks = Callbacks::new().inline(recorder.clone()).async_handler(aborting);
        let model = service_fn(move |_: ChatRequest| {
            let ended = Arc::clone(&ended);
            let chunks = [ChatChunk::text("a"), ChatChunk::Done].map(Ok::<_, BoxError>);
            let end = stream::poll_fn(move |_| {
                ended.notify_one();
                Poll::Ready(None)
            });
            std::future::ready(Ok::<_, BoxError>(stream::iter(chunks).chain(end)))
        });
        let model = CallbackLayer::new(callbacks).layer(model);
        let batch = Batch::new().run(&model, [request()]).await.unwrap();
        let error = batch.into_results().unwrap_err();
        assert!(error.source().unwrap().is::<Aborted>(), "{error:?}");
        assert_eq!(error.partial().text(), "a");
        assert_eq!(recorder.terminals()[0].error().unwrap().kind(), ErrorKind::Aborted);
    });
}

#[test]
fn an_aborted_batch_cancels_its_prompts() {
    everywhere(|recorders| async move {
        // Before any prompt is called.
        let prompts = Prompts::new(["a", "b"].map(answer));
        let model = recorders.layer().layer(prompts.clone());
        let run = Batch::new().callbacks(aborting(EventKind::RunStart(RunType::Chain), ""));
        let error = run.run(&model, prompts.requests()).await.unwrap_err();
        assert_eq!(error.downcast_ref::<Aborted>().unwrap().abort().reason(), "enough");
        assert_eq!(prompts.calls(), [0, 0]);
        recorders.nothing();

        // Midway.
        let batch_run: Arc<Mutex<Option<Run>>> = Arc::default();
        let kept = Arc::clone(&batch_run);
        let keeps = Mode::Inline.closure(move |run, event| {
            if event.kind() == EventKind::RunStart(RunType::Chain) {
                *kept.lock().unwrap() = Some(run.clone());
            }
        });
        let hangs = Script::new().respond().text("so far").hang();
        let prompts = Prompts::new([hangs.clone(), hangs, answer("never asked")]);
        let model = recorders.layer().layer(prompts.clone());
        let recorders = recorders.with(keeps);
        let generate = Batch::new().limit(2).callbacks(&recorders.callbacks);
        let aborted = async {
            until(|| prompts.live() == 2).await;
            let run = batch_run.lock().unwrap().take().unwrap();
            assert!(run.abort(Abort::new("enough")));
        };
        let (batch, ()) = tokio::join!(generate.run(&model, prompts.requests()), aborted);
        assert!(batch.unwrap_err().is::<Aborted>());
        assert_eq!((prompts.live(), prompts.calls()), (0, vec![1, 1, 0]));
        assert_delivered(&recorders).await;
        for (_, recorder) in &recorders.each {
            assert_eq!(chain(recorder).1.error().unwrap().kind(), ErrorKind::Aborted);
            for start in prompt_starts(recorder) {
                let run = recorder.run(start.run_id);
                assert_eq!(run.last().unwrap().error().unwrap().kind(), ErrorKind::Cancelled);
            }
        }
    });
}

/// After an abort, the answer yields the error and nothing else.
#[test]
fn a_kept_run_can_abort_its_prompt() {
    let recorder = Recorder::new();
    let (keeps, runs) = runs();
    let prompts = Prompts::new([Script::new().respond().text("so far").hang(), answer("b")]);
    let callbacks = Callbacks::new().inline(recorder.clone()).add(keeps);
    let model = CallbackLayer::new(callbacks).layer(prompts.clone());
    let generate = Batch::new();
    let mut batch = task::spawn(generate.run(&model, prompts.requests()));
    assert_pending!(batch.poll());
    while batch.is_woken() {
        assert_pending!(batch.poll());
    }
    let run = runs.lock().unwrap()[0].clone();
    assert!(run.abort(Abort::new("enough")));
    assert!(batch.is_woken());
    let batch = assert_ready!(batch.poll()).unwrap();
    assert!(batch.generations[0].as_ref().unwrap_err().source().unwrap().is::<Aborted>());
    assert_eq!(batch.generations[1].as_ref().unwrap().text(), "b");
    assert_eq!(prompts.live(), 0);
    let ends = recorder.terminals().into_iter().filter_map(|end| end.error().map(|e| e.kind()));
    assert_eq!(ends.collect::<Vec<_>>(), [ErrorKind::Aborted]);
}
