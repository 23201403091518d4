//! `on_retry`: emitted below an `AttemptsLayer`, whichever layer makes the attempts.

mod capacity;
mod content;
mod emitted;
mod fallback;
mod http;
mod not_emitted;
mod one_shot;
mod tools;

use std::{future::Future, pin::Pin};

use futures::{
    Stream,
    future::{Ready, ready},
};
use support::{PATIENCE, Recorders};
use tower::{BoxError, Service, retry::Policy};
use tower_llm_callbacks::{
    EventData, EventKind, ProviderError,
    chat::{ChatChunk, ChatRequest},
    event::Retry,
    testing::{Recorded, Recorder, Script, ScriptedModel, assert_promises},
};

/// Retries a failed call, up to this many times.
#[derive(Clone)]
struct Retries(usize);

impl<Req: Clone, S, E> Policy<Req, S, E> for Retries {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Req, result: &mut Result<S, E>) -> Option<Ready<()>> {
        let again = result.is_err() && self.0 > 0;
        self.0 -= usize::from(again);
        again.then(|| ready(()))
    }

    fn clone_request(&mut self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }
}

/// A model that fails twice before it answers.
fn failing_twice() -> ScriptedModel {
    let overloaded = ProviderError::new("overloaded").status(529);
    ScriptedModel::new([
        Script::new().yields().fail("refused").respond(),
        Script::new().yields().provider_error(overloaded).respond(),
        Script::new().yields().respond().text("a").yields().text("b").complete("stop"),
    ])
}

type Done<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Calls a model and reads its answer to the end. Boxed, because the compiler proves tower's own futures
/// `Send` only if their types are known.
fn ask<S, St>(mut model: S) -> Done<Result<Vec<ChatChunk>, BoxError>>
where
    S: Service<ChatRequest, Response = St, Error = BoxError> + Send + 'static,
    S::Future: Send,
    St: Stream<Item = Result<ChatChunk, BoxError>> + Send,
{
    Box::pin(async move {
        std::future::poll_fn(|cx| model.poll_ready(cx)).await?;
        let (chunks, error) = support::read(model.call(support::request()).await?).await;
        error.map_or(Ok(chunks), Err)
    })
}

/// Calls a service that is always ready.
fn once<S, Req>(mut service: S, request: Req) -> Done<Result<S::Response, S::Error>>
where
    S: Service<Req>,
    S::Future: Send + 'static,
{
    Box::pin(service.call(request))
}

/// The runs of a recorder, in the order in which they started. It may receive a later run first.
fn runs(recorder: &Recorder) -> Vec<Vec<Recorded>> {
    let runs = recorder.run_ids().into_iter().map(|run| recorder.run(run));
    let mut runs: Vec<_> = runs.collect();
    runs.sort_by_key(|run| run[0].time);
    runs
}

/// The retries of a run, with the numbers of their events.
fn retries(run: &[Recorded]) -> Vec<(u64, Retry)> {
    let retry = |event: &Recorded| match &event.data {
        EventData::Retry(retry) => Some((event.seq, Retry::clone(retry))),
        _ => None,
    };
    run.iter().filter_map(retry).collect()
}

fn kinds(run: &[Recorded]) -> Vec<EventKind> {
    run.iter().map(Recorded::kind).collect()
}

/// Asserts that each run but the first reports, right after its start, the failure of the run before.
#[track_caller]
fn assert_retried(runs: &[Vec<Recorded>], errors: &[&str]) {
    assert_eq!(runs.len(), errors.len() + 1);
    assert!(retries(&runs[0]).is_empty());
    for ((pair, error), number) in runs.windows(2).zip(errors).zip(2..) {
        let [failed, next] = pair else { unreachable!() };
        assert_eq!((failed[0].attempt, next[0].attempt), (number - 1, number));
        assert!(next[0].kind().is_start());
        let [(1, retry)] = &retries(next)[..] else { panic!("{next:?}") };
        assert_eq!((retry.attempt, &*retry.error), (number, *error));
        assert_eq!(retry.failed_run_id, failed[0].run_id);
        let end = failed.last().unwrap().error().expect("the attempt has failed");
        assert_eq!(end.message(), *error);
        // The failed run ended before.
        assert!(next[0].time >= failed.last().unwrap().time);
    }
    for run in runs {
        let seqs: Vec<_> = run.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, (0..run.len() as u64).collect::<Vec<_>>());
    }
}

async fn flushed(recorders: &Recorders) {
    assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
    recorders.faults.none();
    for (_, recorder) in &recorders.each {
        assert_promises(&recorder.events());
    }
}
