//! All promises in stacks of tower's own layers: the callback layer composes with each, above and below it.

use std::{convert::Infallible, sync::Arc};

use futures::{StreamExt, future::ready, stream::BoxStream};
use support::request;
use support::schedule::{
    Gate, MODES, Stuck, ask, assert_one_answer, completes, counting, flushed, layer, until, within,
};
use tokio_test::{assert_pending, task};
use tower::{
    BoxError, Layer, Service, ServiceBuilder, ServiceExt,
    balance::p2c::Balance,
    buffer::{Buffer, BufferLayer},
    discover::ServiceList,
    limit::{ConcurrencyLimitLayer, GlobalConcurrencyLimitLayer},
    load::Constant,
    load_shed::{LoadShedLayer, error::Overloaded},
    util::BoxCloneSyncService,
};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, ErrorKind, EventKind,
    chat::{ChatChunk, ChatRequest},
    testing::{Recorder, ScriptedModel, assert_promises},
};

#[tokio::test]
async fn a_layer_composes_with_service_builder_and_boxes() {
    for mode in MODES {
        let (above, below) = (layer(mode), layer(mode));
        let boxed = ServiceBuilder::new()
            .map_request(|request: ChatRequest| request.max_tokens(7))
            .layer(below.1)
            .map_future(Box::pin)
            .service(ScriptedModel::new(counting(3)));
        let boxed = BoxCloneSyncService::new(boxed);
        let mut model = BoxCloneSyncService::new(above.1.layer(boxed));
        completes(&mut model.clone()).await;
        assert_one_answer(&above.0);
        assert_one_answer(&below.0);
        let (above, below) = (above.0.events(), below.0.events());
        assert_eq!(below[0].parent_run_id, Some(above[0].run_id));
        assert_eq!(below[0].root_run_id, above[0].run_id);
        drop(model.ready().await.unwrap().call(request()));
    }
}

#[tokio::test]
async fn a_concurrency_limit_above_or_below_includes_the_start_phase() {
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
        // Without a run above the buffer, a call below it is a root.
        completes(&mut inner.clone()).await;
        assert_eq!(below.events()[0].parent_run_id, None);

        let outer = outer.inheritable_callbacks(Callbacks::new().async_handler(heir.clone()));
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
        assert_eq!(heir.run_ids().len(), 22, "callbacks are inherited through the buffer");
        let mut parents: Vec<_> =
            below.terminals().iter().filter_map(|end| end.parent_run_id).collect();
        let mut outers = above.run_ids();
        parents.sort_unstable();
        outers.sort_unstable();
        assert_eq!(parents, outers, "each call is a child of its own outer run");
    }
}

#[tokio::test]
async fn a_balance_above_or_below_is_observed() {
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
async fn a_call_shed_above_makes_no_run_below() {
    for mode in MODES {
        let (above, outer) = layer(mode);
        let (below, inner) = layer(mode);
        let limit = Arc::new(tokio::sync::Semaphore::new(1));
        let mut model = ServiceBuilder::new()
            .layer(outer)
            .layer(LoadShedLayer::new())
            .layer(inner)
            .layer(GlobalConcurrencyLimitLayer::with_semaphore(limit.clone()))
            .service(ScriptedModel::new(counting(3)));
        completes(&mut model).await;
        assert_one_answer(&above);
        assert_one_answer(&below);

        let taken = limit.acquire().await.unwrap();
        let error = within(ask(&mut model)).await.unwrap_err();
        assert!(error.is::<Overloaded>(), "{mode:?}: {error}");
        assert_eq!(below.run_ids().len(), 1, "a shed call makes no run below");
        assert_eq!(above.terminals()[1].error().unwrap().kind(), ErrorKind::Transport);
        drop(taken);
        completes(&mut model).await;
        assert_promises(&above.events());
    }
}

type Boxed = BoxStream<'static, Result<ChatChunk, BoxError>>;

#[tokio::test]
async fn calls_over_boxed_services_can_be_spawned() {
    let inner = BoxCloneSyncService::new(tower::service_fn(|_: ChatRequest| async {
        let chunks = [ChatChunk::text("a"), ChatChunk::Done].map(Ok);
        Ok::<Boxed, BoxError>(futures::stream::iter(chunks).boxed())
    }));
    let layers = MODES.map(layer);
    let [first, second, third] = layers.each_ref().map(|(_, layer)| layer.clone());
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
    for (recorder, _) in &layers {
        assert_promises(&recorder.events());
        assert_eq!(recorder.text(), "a");
    }
}

#[tokio::test]
async fn an_infallible_service_that_is_not_send_can_be_wrapped() {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().async_handler(recorder.clone());
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
