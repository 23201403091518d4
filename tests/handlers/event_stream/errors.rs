//! Failed runs of every type and with every error kind.

use futures::StreamExt;
use support::{on_each_runtime, read, request};
use tower::{BoxError, Layer, Service, service_fn};
use tower_llm_callbacks::{
    Abort, CallbackLayer, Callbacks, Delta, ErrorKind, EventData, EventKind, ProviderError, Run,
    RunConfig, RunError, RunLayer, RunType,
    handlers::{EventStream, RunEvent},
    testing::{Script, ScriptedModel},
};

use super::{assert_in_order, by_run, chain, collect};

fn error(event: &RunEvent) -> Option<&RunError> {
    match event.data() {
        EventData::LlmError(error) | EventData::RunError(_, error) => Some(error),
        _ => None,
    }
}

/// Calls a model and returns the error, if any.
async fn call(script: Script, reads: usize) -> Option<BoxError> {
    let mut model = CallbackLayer::new(Callbacks::new()).layer(ScriptedModel::new(script));
    match model.call(request()).await {
        Ok(answer) => read(answer.take(reads)).await.1,
        Err(error) => Some(error),
    }
}

fn scripts() -> [(Script, usize, ErrorKind); 7] {
    let overloaded = || ProviderError::new("overloaded").status(529);
    let begins = || Script::new().yields().respond().text("so far").yields();
    [
        (Script::new().provider_error(overloaded()).respond(), 9, ErrorKind::Provider),
        (begins().chunk(Delta::Error(overloaded())), 9, ErrorKind::Provider),
        (Script::new().fail("refused").respond(), 9, ErrorKind::Transport),
        (begins().fail("reset"), 9, ErrorKind::Transport),
        (begins(), 9, ErrorKind::Truncated),
        (begins().text("more"), 1, ErrorKind::Cancelled),
        (begins().hang(), 1, ErrorKind::Cancelled),
    ]
}

#[test]
fn failed_models() {
    on_each_runtime(|| async {
        for (script, reads, kind) in scripts() {
            let driven = collect(EventStream::builder().of(call(script.clone(), reads))).await;
            let (callbacks, attached) = EventStream::builder().attach();
            RunConfig::new().callbacks(&callbacks).scope(call(script, reads)).await;
            for events in [driven, collect(attached).await] {
                assert_in_order(&events, true);
                let error = error(events.last().unwrap()).unwrap();
                assert_eq!(error.kind(), kind);
                assert_eq!(error.result().unwrap().tokens, events.len() as u64 - 2);
            }
        }
    });
}

/// A chain, tool or retriever around a failed call fails with its error.
#[test]
fn runs_around_a_failed_call() {
    on_each_runtime(|| async {
        for layer in
            [RunLayer::chain("outer"), RunLayer::tool("outer"), RunLayer::retriever("outer")]
        {
            let fails = service_fn(|()| async {
                match call(Script::new().respond().text("a").fail("reset"), 9).await {
                    Some(error) => Err(error),
                    None => Ok(()),
                }
            });
            let mut service = layer.layer(fails);
            let mut events = EventStream::builder().of(async move { service.call(()).await });
            let all: Vec<_> = events.by_ref().collect().await;
            assert!(events.output().unwrap().is_err());
            assert_in_order(&all, true);
            let errors: Vec<_> = all.iter().filter_map(error).map(RunError::message).collect();
            assert_eq!(errors, ["reset", "reset"]);
            let kinds: Vec<_> =
                all.iter().map(RunEvent::kind).filter(|kind| kind.is_terminal()).collect();
            let outer = match all[0].run().run_type() {
                RunType::Chain => EventKind::RunError(RunType::Chain),
                RunType::Tool => EventKind::RunError(RunType::Tool),
                _ => EventKind::RunError(RunType::Retriever),
            };
            assert_eq!(kinds, [EventKind::LlmError, outer]);
        }
    });
}

#[test]
fn aborted_by_the_reader() {
    on_each_runtime(|| async {
        let script = Script::new().respond().text("so far").hang();
        let mut events = EventStream::builder().of(call(script, 9));
        let mut last = None;
        while let Some(event) = events.next().await {
            if event.kind() == EventKind::LlmNewToken {
                assert!(event.run().abort(Abort::new("enough")));
            }
            last = Some(event);
        }
        let last = last.unwrap();
        let error = error(&last).unwrap();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Aborted, "enough"));
        assert!(events.output().unwrap().is_some());
    });
}

/// A run that panics ends, and with it those around it. The stream yields all of their ends.
#[test]
fn a_panicking_run_ends_the_runs_around_it() {
    on_each_runtime(|| async {
        let (callbacks, events) = EventStream::builder().attach();
        let root = chain("root", async {
            assert!(Run::current().is_some());
            call(Script::new().respond().text("a").panic(), 9).await;
            Ok::<_, BoxError>(())
        });
        let task = tokio::spawn(RunConfig::new().callbacks(&callbacks).scope(root));
        let events = collect(events).await;
        assert!(task.await.unwrap_err().is_panic());
        assert_in_order(&events, true);
        let runs = by_run(&events);
        assert_eq!(runs.len(), 2);
        for (_, run) in runs {
            assert_eq!(error(run.last().unwrap()).unwrap().kind(), ErrorKind::Panic);
        }
    });
}
