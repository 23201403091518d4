//! All promises in stacks of tower's own layers: the callback layer composes with each, above and below it.

mod support2;

use std::{convert::Infallible, sync::Arc, time::Duration};

use futures::{
    Stream, StreamExt,
    future::{Ready, ready},
    stream::BoxStream,
};
use support2::{Gate, Mode, Stuck, ask, counting, flushed, request, until, within};
use tokio_test::{assert_pending, task};
use tower::{
    BoxError, Layer, Service, ServiceBuilder, ServiceExt,
    balance::p2c::Balance,
    buffer::{Buffer, BufferLayer},
    discover::ServiceList,
    limit::ConcurrencyLimitLayer,
    load::Constant,
    load_shed::{LoadShedLayer, error::Overloaded},
    retry::{Policy, RetryLayer},
    timeout::{TimeoutLayer, error::Elapsed},
    util::BoxCloneSyncService,
};
use tower_llm_callbacks::{
    AttemptsLayer, CallbackLayer, Callbacks, ErrorKind, EventKind, ProviderError,
    chat::{ChatChunk, ChatRequest},
    testing::{Recorder, Script, ScriptedModel, assert_promises},
};

/// A recorder and the layer that tells it, in one of the modes that are waited for, or inline.
fn layer(mode: Mode) -> (Recorder, CallbackLayer) {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().with(mode.handler(recorder.clone()));
    (recorder, CallbackLayer::new(callbacks))
}

const MODES: [Mode; 3] = [Mode::Inline, Mode::AWAITED[0], Mode::AWAITED[3]];

/// Asks once; the answer must be complete.
async fn completes<S, St>(service: &mut S)
where
    S: Service<ChatRequest, Response = St, Error = BoxError>,
    St: Stream<Item = Result<ChatChunk, BoxError>>,
{
    let items = within(ask(service)).await.unwrap();
    assert_eq!(items.len(), 5);
    assert!(items.iter().all(Result::is_ok));
}

/// What was told is one complete run, with that text.
fn told_one_answer(recorder: &Recorder) {
    assert_promises(&recorder.events());
    assert_eq!(recorder.run_ids().len(), 1);
    assert_eq!(recorder.text(), "0 1 2 ");
    assert_eq!(recorder.kinds().last(), Some(&EventKind::LlmEnd));
}

fn only_error(recorder: &Recorder) -> ErrorKind {
    assert_promises(&recorder.events());
    let terminals = recorder.terminals();
    assert_eq!(terminals.len(), 1);
    terminals[0].error().expect("the run failed").kind()
}

#[tokio::test]
async fn service_builder_and_boxes() {
    for mode in MODES {
        let (above, below) = (layer(mode), layer(mode));
        let boxed = ServiceBuilder::new()
            .map_request(|request: ChatRequest| request.max_tokens(7))
            .layer(below.1)
            .map_future(|future| async move { future.await })
            .service(ScriptedModel::new(counting(3)));
        let boxed = BoxCloneSyncService::new(boxed);
        let mut model = BoxCloneSyncService::new(above.1.layer(boxed));
        completes(&mut model.clone()).await;
        told_one_answer(&above.0);
        told_one_answer(&below.0);
        let (above, below) = (above.0.events(), below.0.events());
        assert_eq!(below[0].parent_run_id, Some(above[0].run_id));
        assert_eq!(below[0].trace_id, above[0].run_id);
        drop(model.ready().await.unwrap().call(request()));
    }
}

const SOON: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn timeout_above_cancels_the_run() {
    let (recorder, layer) = layer(Mode::AWAITED[2]);
    let scripted = ScriptedModel::new(Script::new().hang().respond()).then(counting(3));
    let mut model =
        ServiceBuilder::new().layer(TimeoutLayer::new(SOON)).layer(layer).service(scripted.clone());
    let error = within(ask(&mut model)).await.unwrap_err();
    assert!(error.is::<Elapsed>());
    until(|| !recorder.terminals().is_empty()).await;
    assert_eq!(only_error(&recorder), ErrorKind::Cancelled);
    assert_eq!(scripted.live(), 0, "upstream is cancelled");
    completes(&mut model).await;
}

#[tokio::test(start_paused = true)]
async fn timeout_above_counts_the_start_phase() {
    let gate = Gate::new();
    let stuck = Stuck::at(EventKind::LlmStart, &gate);
    let scripted = ScriptedModel::new(counting(3));
    let mut model = ServiceBuilder::new()
        .layer(TimeoutLayer::new(SOON))
        .layer(CallbackLayer::new(Callbacks::new().asynchronous(stuck.clone())))
        .service(scripted.clone());
    assert!(within(ask(&mut model)).await.unwrap_err().is::<Elapsed>());
    assert_eq!(scripted.calls(), 0);
    gate.open();
    until(|| !stuck.returned.terminals().is_empty()).await;
    assert_eq!(only_error(&stuck.recorder), ErrorKind::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn timeout_below_is_a_failure_of_the_call() {
    let gate = Gate::new();
    let (recorder, layer) = layer(Mode::AWAITED[2]);
    let stuck = Stuck::at(EventKind::LlmStart, &gate);
    let mut model = ServiceBuilder::new()
        .layer(CallbackLayer::new(Callbacks::new().asynchronous(stuck)))
        .layer(layer)
        .layer(TimeoutLayer::new(SOON))
        .service(ScriptedModel::new(Script::new().hang().respond()).then(counting(3)));
    let opens = async {
        tokio::time::sleep(SOON * 10).await;
        gate.open();
    };
    // The start phase above it does not count.
    let (error, ()) = tokio::join!(within(ask(&mut model)), opens);
    assert!(error.unwrap_err().is::<Elapsed>());
    assert_eq!(only_error(&recorder), ErrorKind::Transport);
    completes(&mut model).await;
}

/// Retries a failed call, so many times.
#[derive(Clone)]
struct Retries(usize);

impl<S> Policy<ChatRequest, S, BoxError> for Retries {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut ChatRequest,
        result: &mut Result<S, BoxError>,
    ) -> Option<Self::Future> {
        if result.is_ok() || self.0 == 0 {
            return None;
        }
        self.0 -= 1;
        Some(ready(()))
    }

    fn clone_request(&mut self, request: &ChatRequest) -> Option<ChatRequest> {
        Some(request.clone())
    }
}

fn failing_twice() -> ScriptedModel {
    ScriptedModel::new(Script::new().fail("refused").respond())
        .then(Script::new().provider_error(ProviderError::new("overloaded")).respond())
        .then(counting(3))
}

#[tokio::test]
async fn retry_above_makes_one_run_of_each_attempt() {
    for mode in MODES {
        for counted in [false, true] {
            let (recorder, layer) = layer(mode);
            let scripted = failing_twice();
            let mut model = ServiceBuilder::new()
                .option_layer(counted.then(AttemptsLayer::new))
                .layer(RetryLayer::new(Retries(5)))
                .layer(layer)
                .service(scripted.clone());
            completes(&mut model).await;
            assert_eq!(scripted.calls(), 3);
            assert_promises(&recorder.events());
            let ends: Vec<_> = recorder.terminals();
            let how: Vec<_> = ends
                .iter()
                .map(|end| (end.error().map(|error| error.kind()), end.attempt))
                .collect();
            let attempts = if counted { [1, 2, 3] } else { [1, 1, 1] };
            assert_eq!(
                how,
                [
                    (Some(ErrorKind::Transport), attempts[0]),
                    (Some(ErrorKind::Provider), attempts[1]),
                    (None, attempts[2]),
                ]
            );
            assert!(ends.iter().all(|end| end.parent_run_id.is_none()), "siblings, not children");
            completes(&mut model).await;
            assert_eq!(recorder.terminals()[3].attempt, 1, "the next call counts anew");
        }
    }
}

#[tokio::test]
async fn retry_below_is_one_run() {
    for mode in MODES {
        let (recorder, layer) = layer(mode);
        let scripted = failing_twice();
        let mut model = ServiceBuilder::new()
            .layer(layer)
            .layer(RetryLayer::new(Retries(5)))
            .service(scripted.clone());
        completes(&mut model).await;
        assert_eq!(scripted.calls(), 3);
        told_one_answer(&recorder);
        assert_eq!(recorder.events()[0].attempt, 1);
    }
}

#[tokio::test]
async fn retry_between_two_layers_makes_attempts_children() {
    let (above, outer) = layer(MODES[1]);
    let (below, inner) = layer(MODES[2]);
    let mut model = ServiceBuilder::new()
        .layer(outer)
        .layer(AttemptsLayer::new())
        .layer(RetryLayer::new(Retries(5)))
        .layer(inner)
        .service(failing_twice());
    completes(&mut model).await;
    told_one_answer(&above);
    let outer = above.run_ids()[0];
    let starts = below.events().into_iter().filter(|event| event.kind().is_start());
    let starts: Vec<_> = starts.map(|start| (start.parent_run_id, start.attempt)).collect();
    assert_eq!(starts, [1, 2, 3].map(|attempt| (Some(outer), attempt)));
}

#[tokio::test]
async fn a_concurrency_limit_above_or_below_limits_calls_in_their_start_phase_too() {
    for above in [true, false] {
        let gate = Gate::new();
        let stuck = Stuck::at(EventKind::LlmStart, &gate);
        let callbacks = Callbacks::new().blocking(stuck.clone());
        let limit = ConcurrencyLimitLayer::new(1);
        let mut model = ServiceBuilder::new()
            .option_layer(above.then(|| limit.clone()))
            .layer(CallbackLayer::new(callbacks.clone()))
            .option_layer((!above).then_some(limit))
            .service(ScriptedModel::new(counting(3)));
        let mut other = model.clone();
        let mut first = task::spawn(ask(&mut model));
        assert_pending!(first.poll());
        until(|| stuck.recorder.kinds().len() == 1).await;
        let mut second = task::spawn(ask(&mut other));
        assert_pending!(second.poll());
        assert_eq!(stuck.recorder.run_ids().len(), 1);
        gate.open();
        let (first, second) = within(async { tokio::join!(first, second) }).await;
        assert_eq!((first.unwrap().len(), second.unwrap().len()), (5, 5));
        assert_eq!(stuck.recorder.run_ids().len(), 2);
        assert_promises(&stuck.recorder.events());
    }
}

#[tokio::test]
async fn a_buffer_above_or_below_carries_the_run() {
    for mode in MODES {
        let heir = Recorder::new();
        let (above, outer) = layer(mode);
        let (below, inner) = layer(mode);
        let inner = ServiceBuilder::new()
            .layer(BufferLayer::new(8))
            .layer(inner)
            .layer(BufferLayer::new(8))
            .service(ScriptedModel::new(counting(3)));
        // Without a run above it, what comes out of a buffer is a root.
        completes(&mut inner.clone()).await;
        assert_eq!(below.events()[0].parent_run_id, None);

        let outer = outer.inheritable(&Callbacks::new().asynchronous(heir.clone()));
        let mut model = outer.layer(inner);
        let calls = (0..10).map(|_| {
            let mut model = model.clone();
            tokio::spawn(async move {
                let answer = model.ready().await.unwrap().call(request()).await.unwrap();
                assert_eq!(answer.collect::<Vec<_>>().await.len(), 5);
            })
        });
        for call in calls.collect::<Vec<_>>() {
            within(call).await.unwrap();
        }
        completes(&mut model).await;
        for recorder in [&above, &below, &heir] {
            assert_promises(&recorder.events());
        }
        assert_eq!(heir.run_ids().len(), 22, "inherited through the buffer");
        let mut parents: Vec<_> =
            below.terminals().iter().filter_map(|end| end.parent_run_id).collect();
        let mut outers = above.run_ids();
        parents.sort_unstable();
        outers.sort_unstable();
        assert_eq!(parents, outers, "each call is a child of its own outer run");
    }
}

#[tokio::test]
async fn a_balance_above_or_below() {
    for mode in MODES {
        let (above, outer) = layer(mode);
        let (below, inner) = layer(mode);
        let models = [ScriptedModel::new(counting(3)), ScriptedModel::new(counting(3))];
        let endpoints = ["left", "right"]
            .into_iter()
            .zip(&models)
            .map(|(name, model)| Constant::new(inner.clone().name(name).layer(model.clone()), 1));
        let balance = Balance::new(ServiceList::new::<ChatRequest>(endpoints.collect::<Vec<_>>()));
        let mut model = outer.layer(Buffer::new(balance, 8));
        for _ in 0..40 {
            completes(&mut model).await;
        }
        assert_eq!(models[0].calls() + models[1].calls(), 40);
        for recorder in [&above, &below] {
            assert_promises(&recorder.events());
            assert_eq!(recorder.run_ids().len(), 40);
        }
        for (name, model) in ["left", "right"].into_iter().zip(&models) {
            let ends = below.terminals();
            assert_eq!(ends.iter().filter(|end| end.name == name).count(), model.calls());
        }
    }
}

#[tokio::test]
async fn load_shed_above_or_below() {
    for mode in MODES {
        let (above, outer) = layer(mode);
        let (below, inner) = layer(mode);
        let limit = Arc::new(tokio::sync::Semaphore::new(1));
        let mut model = ServiceBuilder::new()
            .layer(outer)
            .layer(LoadShedLayer::new())
            .layer(inner)
            .layer(tower::limit::GlobalConcurrencyLimitLayer::with_semaphore(limit.clone()))
            .service(ScriptedModel::new(counting(3)));
        completes(&mut model).await;
        told_one_answer(&above);
        told_one_answer(&below);

        let taken = limit.acquire().await.unwrap();
        let error = within(ask(&mut model)).await.unwrap_err();
        assert!(error.is::<Overloaded>(), "{mode:?}: {error}");
        assert_eq!(below.run_ids().len(), 1, "a call that is shed above makes no run");
        assert_eq!(above.terminals()[1].error().unwrap().kind(), ErrorKind::Transport);
        drop(taken);
        completes(&mut model).await;
        assert_promises(&above.events());
    }
}

type Boxed = BoxStream<'static, Result<ChatChunk, BoxError>>;

#[tokio::test]
async fn calls_can_be_spawned_whatever_is_boxed_below() {
    let inner = BoxCloneSyncService::new(tower::service_fn(|_: ChatRequest| async {
        let chunks = [ChatChunk::text("a"), ChatChunk::Done].map(Ok);
        Ok::<Boxed, BoxError>(futures::stream::iter(chunks).boxed())
    }));
    let told = MODES.map(layer);
    let [first, second, third] = told.each_ref().map(|(_, layer)| layer.clone());
    let mut model = ServiceBuilder::new()
        .layer(first)
        .layer(BufferLayer::new(8))
        .layer(second)
        .layer(third)
        .service(inner);
    let call = tokio::spawn(async move {
        let mut answer = model.ready().await?.call(request()).await?;
        let mut items = 0;
        while let Some(item) = answer.next().await {
            items += usize::from(item.is_ok());
        }
        Ok::<_, BoxError>(items)
    });
    assert_eq!(within(call).await.unwrap().unwrap(), 2);
    for (recorder, _) in &told {
        assert_promises(&recorder.events());
        assert_eq!(recorder.text(), "a");
    }
}

#[tokio::test]
async fn a_service_that_is_not_send_and_cannot_fail_fits_too() {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().asynchronous(recorder.clone());
    let inner = tower::service_fn(|_: ChatRequest| {
        ready(Ok::<_, Infallible>(futures::stream::iter([Ok::<_, Infallible>(ChatChunk::Done)])))
    });
    let not_send = std::rc::Rc::new(());
    let inner = ServiceBuilder::new()
        .map_response(move |answer| (std::rc::Rc::clone(&not_send), answer).1)
        .service(inner);
    let mut model = CallbackLayer::new(callbacks.clone()).layer(inner);
    assert_eq!(within(ask(&mut model)).await.unwrap().len(), 1);
    flushed(&callbacks).await;
    assert_eq!(recorder.kinds(), [EventKind::LlmStart, EventKind::LlmEnd]);
}
