//! Which runs know that the consumer has gone.

use std::sync::Arc;

use futures::StreamExt;
use support::{PATIENCE, read, request, schedule::on_both_runtimes};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    AttemptsLayer, CallbackLayer, Callbacks, Delta, ErrorKind, Run, RunConfig, RunConfigLayer,
    RunLayer, RunType,
    chat::{ChatChunk, ChatRequest},
    drain::StreamDrainLayer,
    scope::RunContextLayer,
    testing::{Recorded, Recorder, ScriptedModel, assert_promises},
};

use super::{answer, assert_whole};

fn recorder() -> (Recorder, Callbacks) {
    let recorder = Recorder::new();
    (recorder.clone(), Callbacks::new().inline(recorder))
}

/// Drops an answer after its first item, and returns the terminal events of the runs by their names.
async fn drop_midway<S, St>(
    service: S,
    drain: &StreamDrainLayer,
    recorder: &Recorder,
) -> Vec<(String, Option<ErrorKind>, Recorded)>
where
    S: Service<ChatRequest, Response = St, Error = BoxError>,
    St: futures::Stream<Item = Result<ChatChunk, BoxError>> + Unpin,
{
    let mut stream = service.oneshot(request()).await.unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    assert!(drain.flush(PATIENCE).await);
    assert_promises(&recorder.events());
    let ends = recorder.terminals().into_iter();
    ends.map(|end| (end.name.clone(), end.error().map(|error| error.kind()), end)).collect()
}

/// The same call on two levels.
#[test]
fn a_model_call_inside_a_model_call_is_cancelled_with_it() {
    on_both_runtimes(|| async {
        let (recorder, callbacks) = recorder();
        let drain = StreamDrainLayer::new();
        let inner = CallbackLayer::new(callbacks.clone()).name("inner");
        let inner = RunConfigLayer::new(RunConfig::new().tags(["bound"]))
            .layer(inner.layer(ScriptedModel::new(answer())));
        let outer =
            CallbackLayer::new(callbacks).name("outer").layer(AttemptsLayer::new().layer(inner));
        let ends = drop_midway(drain.layer(outer), &drain, &recorder).await;
        assert_eq!(ends.len(), 2);
        for (name, kind, end) in ends {
            assert_eq!(kind, Some(ErrorKind::Cancelled), "{name}");
            assert_whole(end.result().unwrap());
        }
    });
}

/// A chain is the consumer of its model, and goes on.
#[test]
fn a_chain_is_cancelled_and_what_it_calls_is_not() {
    on_both_runtimes(|| async {
        let (recorder, callbacks) = recorder();
        let drain = StreamDrainLayer::new();
        let model = CallbackLayer::new(Callbacks::new()).layer(ScriptedModel::new(answer()));
        let tool = RunLayer::tool("tool")
            .layer(service_fn(async |_: String| Ok::<_, BoxError>("done".to_owned())));
        let chain = service_fn(move |request: ChatRequest| {
            let (model, tool) = (model.clone(), tool.clone());
            async move {
                tool.clone().oneshot("before".to_owned()).await?;
                let after = async move {
                    tool.oneshot("after".to_owned()).await?;
                    Ok(Delta::text("tool").into_owned())
                };
                let after = tower_llm_callbacks::InCurrentRun::in_current_run(after);
                Ok::<_, BoxError>(
                    model.oneshot(request).await?.chain(futures::stream::once(after)).boxed(),
                )
            }
        });
        let chain =
            RunLayer::chain("chain").inheritable_callbacks(callbacks).streaming().layer(chain);
        let ends = drop_midway(drain.layer(chain), &drain, &recorder).await;
        let kinds: Vec<_> =
            ends.iter().map(|(name, kind, end)| (&**name, *kind, end.run_type)).collect();
        assert_eq!(
            kinds,
            [
                ("tool", None, RunType::Tool),
                ("llm", None, RunType::Llm),
                ("tool", None, RunType::Tool),
                ("chain", Some(ErrorKind::Cancelled), RunType::Chain),
            ]
        );
        assert_whole(ends[1].2.result().unwrap());
    });
}

/// One of the layers drains, and the runs are cancelled whichever it is.
#[test]
fn a_drained_call_may_be_inside_another() {
    on_both_runtimes(|| async {
        let (recorder, callbacks) = recorder();
        let (outer, inner) = (StreamDrainLayer::new(), StreamDrainLayer::new());
        let model = CallbackLayer::new(callbacks).layer(ScriptedModel::new(answer()));
        let ends = drop_midway(outer.layer(inner.layer(model.clone())), &outer, &recorder).await;
        assert_eq!((outer.stats().finished, inner.stats().finished), (1, 0));
        assert_eq!(ends[0].1, Some(ErrorKind::Cancelled));
        // At the limit of the outer one, the inner one goes on.
        let outer = outer.max_drains(0);
        drop(outer.layer(inner.layer(model)).oneshot(request()).await.unwrap());
        assert!(inner.flush(PATIENCE).await);
        assert_eq!((outer.stats().refused, inner.stats().finished), (1, 1));
        let end = &recorder.terminals()[1];
        assert_eq!(end.error().unwrap().kind(), ErrorKind::Cancelled);
        assert_whole(end.result().unwrap());
    });
}

/// The scope of the layer hides neither the run around the call, nor one that the request carries.
#[test]
fn the_context_follows_through_the_layer() {
    on_both_runtimes(|| async {
        for carries in [false, true] {
            let (recorder, callbacks) = recorder();
            let model = CallbackLayer::new(callbacks.clone()).layer(ScriptedModel::new(answer()));
            let drain = StreamDrainLayer::new();
            let model = drain.layer(model);
            let model = if carries {
                RunContextLayer::new().layer(tower::util::BoxCloneService::new(model))
            } else {
                RunContextLayer::new()
                    .layer(tower::util::BoxCloneService::new(RunContextLayer::new().layer(model)))
            };
            let buffered = tower::buffer::Buffer::new(model, 4);
            let chain = RunLayer::chain("chain").callbacks(callbacks).streaming();
            let chain = chain.layer(RunContextLayer::new().layer(buffered));
            let stream = chain.oneshot(request()).await.unwrap();
            assert!(read(stream).await.1.is_none());
            let events = recorder.events();
            assert_promises(&events);
            let llm = events.iter().find(|event| event.run_type == RunType::Llm).unwrap();
            assert!(llm.parent_run_id.is_some());
        }
        // Without a layer below the buffer: a request carries its run itself.
        let (recorder, callbacks) = recorder();
        let model =
            CallbackLayer::new(callbacks.clone()).name("inner").layer(ScriptedModel::new(answer()));
        let drain = StreamDrainLayer::new();
        let buffered =
            tower::buffer::Buffer::new(tower::util::BoxCloneService::new(drain.layer(model)), 4);
        let outer = CallbackLayer::new(callbacks).name("outer").layer(buffered);
        let mut stream = outer.oneshot(request()).await.unwrap();
        stream.next().await.unwrap().unwrap();
        drop(stream);
        assert!(drain.flush(PATIENCE).await);
        let inner = recorder.terminals().into_iter().find(|end| end.name == "inner").unwrap();
        assert!(inner.parent_run_id.is_some());
        assert_eq!(inner.error().unwrap().kind(), ErrorKind::Cancelled);
        assert_whole(inner.result().unwrap());
    });
}

/// What an answer does while it is drained, it does where the call was made.
#[test]
fn a_drained_answer_is_polled_in_the_scope_of_its_call() {
    on_both_runtimes(|| async {
        let (recorder, callbacks) = recorder();
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        let sees = Arc::clone(&seen);
        let looks = service_fn(move |_: ChatRequest| {
            let sees = Arc::clone(&sees);
            let look = move |chunk| {
                sees.lock().unwrap().push(Run::current().map(|run| run.name().to_owned()));
                Ok::<_, BoxError>(chunk)
            };
            let chunks = [ChatChunk::text("a"), ChatChunk::text("b"), ChatChunk::Done];
            async move { Ok::<_, BoxError>(futures::stream::iter(chunks).map(look)) }
        });
        let drain = StreamDrainLayer::new();
        let drained = drain.layer(looks);
        let chain = service_fn(move |request: ChatRequest| {
            let drained = drained.clone();
            async move {
                let mut stream = drained.oneshot(request).await?;
                stream.next().await.unwrap()?;
                Ok::<_, BoxError>("bored".to_owned())
            }
        });
        let chain = RunLayer::chain("chain").callbacks(callbacks).layer(chain);
        chain.oneshot(request()).await.unwrap();
        assert!(drain.flush(PATIENCE).await);
        assert_eq!(*seen.lock().unwrap(), [(); 3].map(|()| Some("chain".to_owned())));
        assert_eq!(recorder.terminals()[0].error().map(|error| error.kind()), None);
    });
}
