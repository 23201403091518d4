//! F: LangChain's defects with handlers that are wrapped or fail, and with ends of batches.

use std::{future::pending, panic::resume_unwind, sync::Arc};

use futures::stream;
use support::quiet_panics;
use support::{
    Faults, Gate, MODES, Recorders, call, everywhere, in_each_mode, on_each_runtime, read, until,
};
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    Abort, Aborted, CallbackLayer, Callbacks, Delta, ErrorKind, EventData, EventKind, EventMask,
    FaultKind, LlmRequest, Registration, RunLayer, RunType,
    batch::Batch,
    chat::{self, ChatRequest},
    on_event,
    testing::{Recorder, Script, ScriptedModel, assert_promises},
};

use super::{asked, boxed, of_run, prompt, settled};

/// Panics on drop.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("scripted: the payload panics too");
        }
    }
}

/// Any panic payload is caught. LangChain catches only subclasses of `Exception`.
#[test]
fn any_panic_payload_is_caught() {
    quiet_panics();
    in_each_mode(|mode| async move {
        let payloads: [fn() -> Box<dyn std::any::Any + Send>; 2] =
            [|| Box::new(42), || Box::new(Bomb)];
        for payload in payloads {
            let (faults, recorders) = (Faults::default(), Recorders::new(&MODES));
            let throws = mode.closure(move |_, event| {
                if event.kind() == EventKind::LlmNewToken {
                    resume_unwind(payload());
                }
            });
            let throws = Callbacks::new().on_fault(faults.hook()).add(throws);
            let layer = recorders.layer().callbacks(&throws);
            let mut model = layer.layer(ScriptedModel::new(Script::answer(["a", "b"])));
            let answer = chat::collect(call(&mut model).await.unwrap()).await.unwrap();
            assert_eq!(answer.text(), "ab");
            settled(&throws).await;
            recorders.ended(None).await;
            let fault = faults.one();
            assert_eq!(fault.kind, FaultKind::Panicked);
            assert_eq!(fault.event, Some(EventKind::LlmNewToken));
        }
    });
}

/// An async handler is awaited also inside wrappers. LangChain drops its future there without awaiting it.
#[test]
fn a_wrapped_async_handler_is_awaited() {
    on_each_runtime(|| async {
        let recorders = [(); 4].map(|()| Recorder::new());
        let [bare, boxed, optional, nested] = recorders.clone();
        let callbacks = Callbacks::new()
            .async_handler(Arc::new(bare))
            .async_handler(Box::new(boxed))
            .async_handler(Some(optional))
            .async_handler(Arc::new(Some(Box::new(nested))))
            .async_handler(None::<Recorder>);
        let model = ScriptedModel::new(Script::answer(["a", "b"]));
        let mut model = CallbackLayer::new(callbacks.clone()).layer(model);
        read(call(&mut model).await.unwrap()).await;
        settled(&callbacks).await;
        for recorder in recorders {
            assert_promises(&recorder.events());
            assert_eq!((recorder.text().as_str(), recorder.terminals().len()), ("ab", 1));
        }
    });
}

/// A handler is called only for the events it asked for. LangChain uses a thread for each token.
#[test]
fn a_handler_is_called_only_for_its_events() {
    in_each_mode(|mode| async move {
        let recorder = Recorder::new();
        let handler = mode.handler(recorder.clone()).event_mask(EventMask::LLM_END);
        let callbacks = Callbacks::new().add(handler);
        let model = ScriptedModel::new(Script::answer(["a", "b", "c"]));
        let mut model = CallbackLayer::new(callbacks.clone()).layer(model);
        read(call(&mut model).await.unwrap()).await;
        settled(&callbacks).await;
        assert_eq!(recorder.kinds(), [EventKind::LlmEnd]);
        assert_eq!(recorder.terminals()[0].result().unwrap().text(), "abc");
    });
}

/// The end of a tool is handled even if its caller is cancelled meanwhile. LangChain shields all runs but
/// tools.
#[test]
fn the_end_of_a_tool_is_not_cancelled() {
    everywhere(|recorders| async move {
        let gate = Gate::new();
        let recorders = recorders.with(gate.at(EventKind::RunEnd(RunType::Tool)));
        let tool = RunLayer::tool("tool").callbacks(&recorders.callbacks);
        let task = tokio::spawn(tool.run(std::future::ready(Ok::<_, BoxError>(()))));
        gate.entered().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        gate.open();
        settled(&recorders.callbacks).await;
        recorders.faults.none();
        for (mode, recorder) in &recorders.each {
            let kinds: Vec<_> =
                of_run(&recorder.events(), "tool").iter().map(|event| event.kind()).collect();
            assert_eq!(
                kinds,
                [EventKind::RunStart(RunType::Tool), EventKind::RunEnd(RunType::Tool)],
                "{mode:?}"
            );
        }
    });
}

/// A chunk without text is no token. LangChain makes up an empty one at the end.
#[test]
fn no_token_is_made_up() {
    everywhere(|recorders| async move {
        let script = Script::new().respond().text("a").text("").text("b");
        let (_, mut model) = recorders.model(script.complete("stop"));
        assert_eq!(read(call(&mut model).await.unwrap()).await.0.len(), 5);
        assert_eq!(recorders.ended(None).await.result().unwrap().tokens, 2);
        for (mode, recorder) in &recorders.each {
            let events = recorder.events();
            let texts: Vec<_> = events.iter().filter_map(|event| event.text()).collect();
            assert_eq!(texts, ["a", "b"], "{mode:?}");
        }
    });
}

/// The chunk on which a guard aborts is part of the result, as handlers saw it. LangChain leaves it out.
#[test]
fn the_chunk_a_guard_aborts_on_is_in_the_result() {
    on_each_runtime(|| async {
        let guard = on_event(|run, event| {
            if event.seq() == 2 {
                assert!(run.abort(Abort::new("enough")));
            }
        });
        let recorders = Recorders::new(&MODES).with(Registration::inline(guard));
        let (inner, mut model) = recorders.model(Script::answer(["a", "b", "c"]));
        let (got, error) = read(call(&mut model).await.unwrap()).await;
        assert_eq!((got.len(), error.unwrap().is::<Aborted>()), (1, true));
        assert_eq!(inner.live(), 0);
        let end = recorders.ended(Some(ErrorKind::Aborted)).await;
        assert_eq!(end.result().unwrap().text(), "ab");
    });
}

/// An `abort_on_fault` handler that fails at the end of an answer does not fail the answer. LangChain's
/// caller gets its error.
#[test]
fn a_failure_at_the_end_does_not_change_the_end() {
    quiet_panics();
    in_each_mode(|mode| async move {
        let faults = Faults::default();
        let fails = mode.closure(|_, event| {
            if event.kind() == EventKind::LlmEnd {
                panic!("scripted: at the end");
            }
        });
        let fails = Callbacks::new().on_fault(faults.hook()).add(fails.abort_on_fault());
        let recorders = Recorders::new(&MODES);
        let layer = recorders.layer().callbacks(&fails);
        let mut model = layer.layer(ScriptedModel::new(Script::answer(["a"])));
        let (got, error) = read(call(&mut model).await.unwrap()).await;
        assert_eq!((got.len(), error.is_none()), (3, true));
        settled(&fails).await;
        recorders.ended(None).await;
        assert_eq!(faults.one().event, Some(EventKind::LlmEnd));
    });
}

/// Each answer of a batch ends on its own. LangChain emits all ends after the slowest.
#[test]
fn ends_of_a_batch_do_not_wait_for_each_other() {
    everywhere(|recorders| async move {
        let model = service_fn(|request: ChatRequest| async move {
            if asked(&request.llm_start()) == "slow" {
                pending::<()>().await;
            }
            let answer = [Delta::text("a"), Delta::Done].map(Ok::<_, BoxError>);
            Ok::<_, BoxError>(stream::iter(answer))
        });
        let model = boxed(recorders.layer().layer(model));
        let batch = async { Batch::new().run(&model, ["slow", "quick"].map(prompt)).await };
        let ended = until(|| recorders.each.iter().all(|(_, all)| all.terminals().len() == 1));
        tokio::select! {
            _ = batch => panic!("the batch returns although one call hangs"),
            () = ended => {}
        }
        // The slow call is dropped with the batch.
        settled(&recorders.callbacks).await;
        recorders.faults.none();
        for (mode, recorder) in &recorders.each {
            assert_promises(&recorder.events());
            assert_eq!(recorder.terminals().len(), 2, "{mode:?}");
            for id in recorder.run_ids() {
                let run = recorder.run(id);
                let EventData::LlmStart(start) = &run[0].data else { panic!("{run:?}") };
                let kind = run.last().unwrap().error().map(|error| error.kind());
                let expected = (asked(start) == "slow").then_some(ErrorKind::Cancelled);
                assert_eq!(kind, expected, "{mode:?}");
            }
        }
    });
}
