//! Calls of a batch that fail or panic.

use std::{
    error::Error,
    io,
    panic::AssertUnwindSafe,
    task::{Context, Poll},
};

use futures::FutureExt;
use support::{everywhere, on_each_runtime, request};
use tower::{BoxError, Layer, Service};
use tower_llm_callbacks::{
    Delta, ErrorKind, EventKind, ProviderError, RunType,
    batch::{Batch, BatchError},
    chat::ChatRequest,
    event::Truncated,
    testing::{Script, ScriptedStream},
};

use super::{Prompts, answer, assert_delivered, chain, prompt_starts};

/// One script per way of failing, and how its run ends.
fn failing() -> [(Script, Option<ErrorKind>); 8] {
    use ErrorKind::*;
    let overloaded = || ProviderError::new("overloaded").status(529);
    let begins = || Script::new().yields().respond().text("so ").yields().text("far");
    [
        (answer("fine"), None),
        (Script::new().yields().fail("refused").respond(), Some(Transport)),
        (Script::new().provider_error(overloaded()).respond(), Some(Provider)),
        (begins().fail("reset"), Some(Transport)),
        (begins().provider_error(overloaded()), Some(Provider)),
        (begins().chunk(Delta::Error(overloaded())), Some(Provider)),
        (begins(), Some(Truncated)),
        (answer("fine, too"), None),
    ]
}

/// The message of the call's error.
fn message(error: &BatchError) -> String {
    error.source().unwrap().to_string()
}

#[test]
fn errors_keep_their_place_and_carry_partial_results() {
    everywhere(|recorders| async move {
        let prompts = Prompts::new(failing().map(|(script, _)| script));
        let model = recorders.layer().layer(prompts.clone());
        let generate = Batch::new().limit(3).callbacks(&recorders.callbacks);
        let batch = generate.run(&model, prompts.requests()).await.unwrap();
        assert_delivered(&recorders).await;

        let texts: Vec<_> = batch.results().map(|result| result.text()).collect();
        assert_eq!(texts, ["fine", "", "", "so far", "so far", "so far", "so far", "fine, too"]);
        let kinds = failing().map(|(_, kind)| kind);
        assert_eq!(
            batch.generations.iter().map(Result::is_ok).collect::<Vec<_>>(),
            kinds.map(|kind| kind.is_none())
        );
        for (_, recorder) in &recorders.each {
            for ((run, result), kind) in batch.run_ids.iter().zip(&batch.generations).zip(kinds) {
                let run = recorder.run(run.unwrap());
                let end = run.last().unwrap();
                assert_eq!(end.error().map(|error| error.kind()), kind);
                let delivered = end.result().unwrap();
                let result = result.as_ref().unwrap_or_else(|error| error.partial());
                assert_eq!(
                    (&result.choices, result.tokens),
                    (&delivered.choices, delivered.tokens)
                );
            }
            // A failed prompt does not fail the batch.
            assert_eq!(chain(recorder).1.kind(), EventKind::RunEnd(RunType::Chain));
        }

        let mut errors = batch.generations.into_iter().filter_map(Result::err);
        let refused = errors.next().unwrap();
        assert_eq!(refused.to_string(), "a call of the batch failed");
        assert_eq!(message(&refused), "refused");
        assert!(refused.source().unwrap().is::<io::Error>());
        assert!(refused.into_inner().is::<io::Error>());
        let overloaded = errors.next().unwrap();
        let provider = overloaded.source().unwrap().downcast_ref::<ProviderError>().unwrap();
        assert_eq!(provider.status, Some(529));
        let kinds: Vec<_> = errors
            .map(|error| {
                assert_eq!(error.partial().tokens, 2);
                let error = error.into_inner();
                (error.is::<io::Error>(), error.is::<ProviderError>(), error.is::<Truncated>())
            })
            .collect();
        let (io, provider, truncated) =
            ((true, false, false), (false, true, false), (false, false, true));
        assert_eq!(kinds, [io, provider, provider, truncated]);
    });
}

/// The first error is the first in the prompts' order, even if another prompt failed earlier.
#[test]
fn into_results_returns_the_first_error_in_order() {
    on_each_runtime(|| async {
        let late = Script::new().yields().yields().fail("late").respond();
        let soon = Script::new().fail("soon").respond();
        let prompts = Prompts::new([answer("fine"), late, soon]);
        let batch = Batch::new().run(&prompts, prompts.requests()).await.unwrap();
        let error = batch.into_results().unwrap_err();
        assert_eq!(message(&error), "late");

        let prompts = Prompts::new(["a", "b"].map(answer));
        let batch = Batch::new().run(&prompts, prompts.requests()).await.unwrap();
        let texts =
            batch.into_results().unwrap().into_iter().map(|result| result.text().to_owned());
        assert_eq!(texts.collect::<Vec<_>>(), ["a", "b"]);
    });
}

/// Items after the end of an answer are unobserved, and do not count in the batch either.
#[test]
fn items_after_the_end_do_not_count() {
    everywhere(|recorders| async move {
        let error = || Delta::Error(ProviderError::new("overloaded"));
        let prompts = Prompts::new([
            answer("a").text("unobserved").fail("unobserved"),
            answer("a").chunk(error()),
            Script::new().respond().text("a").chunk(error()).text("unobserved").fail("unobserved"),
            Script::new().respond().text("a").chunk(error()).complete("unobserved"),
        ]);
        let model = recorders.layer().layer(prompts.clone());
        let batch = Batch::new().run(&model, prompts.requests()).await.unwrap();
        assert_delivered(&recorders).await;
        let errors: Vec<_> =
            batch.generations.iter().map(|result| result.as_ref().err().map(message)).collect();
        let overloaded = Some("overloaded".to_owned());
        assert_eq!(errors, [None, None, overloaded.clone(), overloaded]);
        for (_, recorder) in &recorders.each {
            for (run, result) in batch.run_ids.iter().zip(&batch.generations) {
                let run = recorder.run(run.unwrap());
                let end = run.last().unwrap();
                assert_eq!(end.error().is_none(), result.is_ok());
                let result = result.as_ref().unwrap_or_else(|error| error.partial());
                assert_eq!(result.choices, end.result().unwrap().choices);
            }
        }
    });
}

/// A panic reaches the caller, and ends every open run.
#[test]
fn a_panicking_model_ends_the_batch() {
    for before in [true, false] {
        everywhere(move |recorders| async move {
            let panics = Script::new().yields();
            let panics = if before { panics.panic() } else { panics.respond().text("a").panic() };
            let hangs = Script::new().respond().text("so far").hang();
            let prompts = Prompts::new([hangs.clone(), panics, hangs, answer("never asked")]);
            let model = recorders.layer().layer(prompts.clone());
            let generate = Batch::new().limit(3).callbacks(&recorders.callbacks);
            let run = generate.run(&model, prompts.requests());
            let payload = AssertUnwindSafe(run).catch_unwind().await.unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&"scripted panic"));
            assert_eq!((prompts.live(), prompts.calls()[3]), (0, 0));
            assert_delivered(&recorders).await;
            for (mode, recorder) in &recorders.each {
                let starts = prompt_starts(recorder);
                let end = |run| recorder.run(run).last().unwrap().error().unwrap().kind();
                let ends: Vec<_> = starts.iter().map(|start| end(start.run_id)).collect();
                let expected = [ErrorKind::Cancelled, ErrorKind::Panic, ErrorKind::Cancelled];
                assert_eq!(ends, expected, "{mode:?}");
                assert_eq!(chain(recorder).1.error().unwrap().kind(), ErrorKind::Panic);
            }
        });
    }
}

/// A service that is never ready.
#[derive(Clone)]
struct NeverReady;

impl Service<ChatRequest> for NeverReady {
    type Response = ScriptedStream;
    type Error = BoxError;
    type Future = std::future::Ready<Result<ScriptedStream, BoxError>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Err("closed".into()))
    }

    fn call(&mut self, _request: ChatRequest) -> Self::Future {
        unreachable!("called without being ready")
    }
}

#[test]
fn a_service_that_is_not_ready_makes_no_run() {
    everywhere(|recorders| async move {
        let model = recorders.layer().layer(NeverReady);
        let batch = Batch::new().run(&model, [request(), request()]).await.unwrap();
        for error in batch.generations.iter().map(|result| result.as_ref().unwrap_err()) {
            assert_eq!((message(error), error.partial().tokens), ("closed".to_owned(), 0));
        }
        assert_eq!(batch.run_ids, [None, None]);
        recorders.nothing();
    });
}
