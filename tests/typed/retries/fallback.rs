//! A user's service that calls another model if the first one fails.

use std::task::{Context, Poll};

use futures::{StreamExt, future::BoxFuture, stream};
use support::{everywhere, on_each_runtime};
use tower::{BoxError, Layer, Service, service_fn};
use tower_llm_callbacks::{
    AttemptsLayer, CallbackLayer, Callbacks, Delta, ProviderError,
    chat::{ChatChunk, ChatRequest},
    layer::CallbackService,
    testing::{Recorded, Recorder, Script, ScriptedModel},
};

use super::{ask, assert_retried, flushed, retries, runs};

/// Calls a second model if the first one fails, even midway, and discards what was read of the first.
#[derive(Clone)]
struct Fallback {
    primary: CallbackService<ScriptedModel>,
    secondary: CallbackService<ScriptedModel>,
}

type Chunks = stream::Iter<std::vec::IntoIter<Result<ChatChunk, BoxError>>>;

impl Service<ChatRequest> for Fallback {
    type Response = Chunks;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Chunks, BoxError>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: ChatRequest) -> Self::Future {
        let Self { primary, secondary } = self.clone();
        Box::pin(async move {
            let chunks = match ask(primary).await {
                Ok(chunks) if chunks.contains(&ChatChunk::Done) => chunks,
                _ => ask(secondary).await?,
            };
            Ok(stream::iter(chunks.into_iter().map(Ok).collect::<Vec<_>>()))
        })
    }
}

/// The first model fails in every way.
#[test]
fn a_fallback_is_a_retry() {
    let overloaded = || ProviderError::new("overloaded");
    let begins = || Script::new().respond().text("wrong ").yields().text("wrong");
    let failing = move || {
        [
            (Script::new().fail("refused").respond(), "refused"),
            (begins().fail("reset"), "reset"),
            (begins().provider_error(overloaded()), "overloaded"),
            (begins().chunk(Delta::Error(overloaded())), "overloaded"),
            (begins(), "the stream ended without the protocol's end mark"),
        ]
    };
    everywhere(move |recorders| {
        let failing = failing();
        async move {
            for (script, error) in failing {
                let model =
                    |name, script| recorders.layer().name(name).layer(ScriptedModel::new(script));
                let primary = model("primary", script);
                let secondary = model("secondary", Script::answer(["right"]));
                let service = AttemptsLayer::new().layer(Fallback { primary, secondary });
                assert_eq!(ask(service).await.unwrap().len(), 3);
                flushed(&recorders).await;
                for (mode, recorder) in &recorders.each {
                    let runs = runs(recorder);
                    let runs = &runs[runs.len() - 2..];
                    assert_retried(runs, &[error]);
                    assert_eq!([&*runs[0][0].name, &*runs[1][0].name], ["primary", "secondary"]);
                    // The failed run's id in the retry identifies the discarded tokens.
                    let (_, retry) = &retries(&runs[1])[0];
                    let discarded = |run: &[_]| -> String {
                        let tokens = run.iter().filter_map(Recorded::text);
                        tokens.collect()
                    };
                    let failed = recorder.run(retry.failed_run_id);
                    assert!(["", "wrong wrong"].contains(&&*discarded(&failed)), "{mode:?}");
                    assert_eq!(discarded(&runs[1]), "right");
                }
            }
        }
    });
}

/// Two concurrent attempts, as a hedging layer makes them: the next attempt names the one that failed.
#[test]
fn a_retry_after_concurrent_attempts_names_the_failed_one() {
    on_each_runtime(|| async {
        let recorder = Recorder::new();
        let layer = CallbackLayer::new(Callbacks::new().inline(recorder.clone()));
        let model = |script| layer.layer(ScriptedModel::new(script));
        let slow = model(Script::new().yields().yields().respond().text("a").complete("stop"));
        let fails = model(Script::new().yields().fail("refused").respond());
        let third = model(Script::answer(["a"]));
        let hedges = service_fn(move |_: ChatRequest| {
            let both = futures::future::join(ask(slow.clone()), ask(fails.clone()));
            let third = third.clone();
            async move {
                let (slow, fails) = both.await;
                assert!(slow.is_ok() && fails.is_err());
                let answer = ask(third).await?;
                Ok::<_, BoxError>(
                    stream::iter(answer.into_iter().map(Ok).collect::<Vec<_>>()).boxed(),
                )
            }
        });
        ask(AttemptsLayer::new().layer(hedges)).await.unwrap();
        let runs = runs(&recorder);
        let attempts: Vec<_> =
            runs.iter().map(|run| (run[0].attempt, retries(run).len())).collect();
        assert_eq!(attempts, [(1, 0), (2, 0), (3, 1)]);
        assert_eq!(retries(&runs[2])[0].1.failed_run_id, runs[1][0].run_id);
    });
}

/// If both failed, the retry names the one that failed last.
#[test]
fn a_retry_names_the_last_failure() {
    on_each_runtime(|| async {
        let recorder = Recorder::new();
        let layer = CallbackLayer::new(Callbacks::new().inline(recorder.clone()));
        let model = |script| layer.layer(ScriptedModel::new(script));
        let late = model(Script::new().yields().yields().fail("late").respond());
        let soon = model(Script::new().fail("soon").respond());
        let third = model(Script::answer(["a"]));
        let hedges = service_fn(move |_: ChatRequest| {
            let both = futures::future::join(ask(late.clone()), ask(soon.clone()));
            let third = third.clone();
            async move {
                let _ended = both.await;
                let answer = ask(third).await?;
                Ok::<_, BoxError>(stream::iter(answer).map(Ok::<_, BoxError>).boxed())
            }
        });
        ask(AttemptsLayer::new().layer(hedges)).await.unwrap();
        let runs = runs(&recorder);
        let (_, retry) = &retries(&runs[2])[0];
        assert_eq!((&*retry.error, retry.failed_run_id), ("late", runs[0][0].run_id));
    });
}
