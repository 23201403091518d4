//! Promise 8, context follows: a wrapped call inside another run is its child without passing anything by
//! hand, and elsewhere with one adaptor. Inside a handler there is no current run.

mod config;
mod current;
mod elsewhere;
mod inheritance;
mod keeping;

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, Either, join_all, pending, select},
    stream::{self, BoxStream, FuturesUnordered},
};
use support::{Model, PATIENCE, Recorders, call, everywhere, read, request};
use tokio::{task::yield_now, time::timeout};
use tower::{BoxError, Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks,
    chat::{ChatChunk, ChatRequest},
    testing::{Recorded, Recorder, Script, ScriptedModel, assert_promises},
};

type Chunks = BoxStream<'static, Result<ChatChunk, BoxError>>;

/// An answer without nested calls.
fn chunks() -> Chunks {
    stream::iter([ChatChunk::text("done"), ChatChunk::Done].map(Ok)).boxed()
}

/// A wrapped model that is pending once before the response and once in the stream.
fn leaf(layer: &CallbackLayer) -> Model {
    let script = Script::new().yields().respond().text("a").yields().text("b").complete("stop");
    layer.clone().name("child").layer(ScriptedModel::new(script))
}

async fn ask(mut model: Model) {
    let (got, error) = read(call(&mut model).await.unwrap()).await;
    assert_eq!((got.len(), error.is_none()), (4, true));
}

/// A service that runs some work in each call and answers with a stream.
#[derive(Clone)]
struct Agent(Arc<dyn Fn(ChatRequest) -> BoxFuture<'static, Chunks> + Send + Sync>);

impl Agent {
    fn new<Fut>(work: impl Fn(ChatRequest) -> Fut + Send + Sync + 'static) -> Self
    where
        Fut: Future<Output = Chunks> + Send + 'static,
    {
        Self(Arc::new(move |request| work(request).boxed()))
    }
}

impl Service<ChatRequest> for Agent {
    type Response = Chunks;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Chunks, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: ChatRequest) -> Self::Future {
        let work = (self.0)(request);
        Box::pin(async { Ok(work.await) })
    }
}

/// Makes a wrapped call that runs some work, and reads the answer.
async fn outer<Fut>(
    layer: &CallbackLayer,
    work: impl Fn(ChatRequest) -> Fut + Send + Sync + 'static,
) where
    Fut: Future<Output = Chunks> + Send + 'static,
{
    let mut service = layer.clone().name("parent").layer(Agent::new(work));
    let stream = service.ready().await.unwrap().call(request()).await.unwrap();
    assert!(read(stream).await.1.is_none());
}

fn text(events: &[Recorded]) -> String {
    events.iter().filter_map(Recorded::text).collect()
}

/// Returns the first event of each run, in the order in which the runs were made. A background handler may
/// receive events of different runs in any order.
fn starts(recorder: &Recorder) -> Vec<Recorded> {
    let mut ids = recorder.run_ids();
    // Version 7 ids sort by time.
    ids.sort();
    ids.into_iter().map(|id| recorder.run(id).swap_remove(0)).collect()
}

/// Asserts that there is one root, the parent, with this many children, and this many other roots.
#[track_caller]
fn assert_family(recorder: &Recorder, children: usize, strangers: usize) {
    assert_promises(&recorder.events());
    let runs = starts(recorder);
    let parent = runs.iter().find(|run| run.name == "parent").expect("a parent");
    assert_eq!((parent.parent_run_id, parent.root_run_id), (None, parent.run_id));
    let (related, roots): (Vec<_>, Vec<_>) = runs
        .iter()
        .filter(|run| run.run_id != parent.run_id)
        .partition(|run| run.parent_run_id.is_some());
    assert!(related.iter().all(|run| run.name == "child"));
    assert!(related.iter().all(|run| run.parent_run_id == Some(parent.run_id)));
    assert!(related.iter().all(|run| run.root_run_id == parent.run_id));
    assert!(roots.iter().all(|run| run.name == "child" && run.root_run_id == run.run_id));
    assert_eq!((related.len(), roots.len()), (children, strangers));
}

async fn assert_all_see(recorders: &Recorders, children: usize, strangers: usize) {
    assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
    recorders.faults.none();
    for (_, recorder) in &recorders.each {
        assert_family(recorder, children, strangers);
    }
}

type Work = fn(Model) -> BoxFuture<'static, ()>;

/// Ways in which a call makes others, and how many.
const SHAPES: [(&str, usize, Work); 7] = [
    ("await", 2, |model| {
        Box::pin(async move {
            yield_now().await;
            ask(model.clone()).await;
            yield_now().await;
            ask(model).await;
        })
    }),
    ("join!", 2, |model| {
        Box::pin(async move {
            futures::join!(ask(model.clone()), ask(model));
        })
    }),
    ("select!", 1, |model| {
        Box::pin(async move {
            tokio::select! {
                () = ask(model) => {}
                () = pending() => unreachable!(),
            }
        })
    }),
    ("select", 2, |model| {
        Box::pin(async move {
            let (one, other) = (pin!(ask(model.clone())), pin!(ask(model)));
            match select(one, other).await {
                Either::Left(((), other)) => other.await,
                Either::Right(((), one)) => one.await,
            }
        })
    }),
    ("FuturesUnordered", 5, |model| {
        Box::pin(async move {
            let mut calls: FuturesUnordered<_> = (0..5).map(|_| ask(model.clone())).collect();
            while calls.next().await.is_some() {}
        })
    }),
    ("join_all", 40, |model| {
        Box::pin(async move {
            join_all((0..40).map(|_| ask(model.clone()))).await;
        })
    }),
    ("timeout", 1, |model| {
        Box::pin(async move {
            timeout(PATIENCE, ask(model)).await.unwrap();
        })
    }),
];

#[test]
fn calls_awaited_in_the_future_are_children() {
    for (name, children, work) in SHAPES {
        println!("{name}");
        everywhere(move |recorders| async move {
            let model = leaf(&recorders.layer());
            let in_the_future = move |_| {
                let model = model.clone();
                async move {
                    work(model).await;
                    chunks()
                }
            };
            outer(&recorders.layer(), in_the_future).await;
            assert_all_see(&recorders, children, 0).await;
        });
    }
}

#[test]
fn calls_awaited_in_the_stream_are_children() {
    for (name, children, work) in SHAPES {
        println!("{name}");
        everywhere(move |recorders| async move {
            let model = leaf(&recorders.layer());
            let in_the_stream = move |_| {
                let model = model.clone();
                async move {
                    let worked = stream::once(async move {
                        work(model).await;
                        Ok(ChatChunk::text("worked"))
                    });
                    worked.chain(chunks()).boxed()
                }
            };
            outer(&recorders.layer(), in_the_stream).await;
            assert_all_see(&recorders, children, 0).await;
        });
    }
}

/// A stream that forwards the stream of a child. The child's call is made in the stream, too.
#[test]
fn a_call_forwarded_by_the_stream_is_a_child() {
    everywhere(|recorders| async move {
        let model = leaf(&recorders.layer());
        let forward = move |_| {
            let model = model.clone();
            async move {
                let asked = async move { call(&mut model.clone()).await.unwrap() };
                asked.flatten_stream().boxed()
            }
        };
        outer(&recorders.layer(), forward).await;
        assert_all_see(&recorders, 1, 0).await;
        for (_, recorder) in &recorders.each {
            let texts = recorder.run_ids().into_iter().map(|id| text(&recorder.run(id)));
            assert_eq!(texts.collect::<Vec<_>>(), ["ab"; 2], "each text is a token of both");
        }
    });
}

/// A call is a child of the run in which it is made, wherever its future and stream are polled.
#[test]
fn a_call_made_inside_and_polled_outside_is_a_child() {
    everywhere(|recorders| async move {
        let model = leaf(&recorders.layer());
        let (send, mut receive) = tokio::sync::mpsc::unbounded_channel();
        let work = move |_| {
            assert!(send.send(call_owned(model.clone())).is_ok());
            std::future::ready(chunks())
        };
        outer(&recorders.layer(), work).await;
        let stream = receive.recv().await.unwrap().await.unwrap();
        assert_eq!(read(stream).await.0.len(), 4);
        assert_all_see(&recorders, 1, 0).await;
    });
}

fn call_owned(mut model: Model) -> <Model as Service<ChatRequest>>::Future {
    model.call(request())
}

/// A layer without handlers and inheritable settings makes no run: nested calls are children of the nearest run.
#[test]
fn a_layer_without_a_run_is_skipped_in_the_tree() {
    everywhere(|recorders| async move {
        let model = leaf(&recorders.layer());
        let silent = CallbackLayer::new(Callbacks::new()).name("silent").tags(["local"]);
        let layers = Arc::new((silent, model));
        let nested = move |_| {
            let layers = Arc::clone(&layers);
            async move {
                let (silent, model) = (layers.0.clone(), layers.1.clone());
                let work = move |_| {
                    let model = model.clone();
                    async move {
                        ask(model).await;
                        chunks()
                    }
                };
                outer(&silent, work).await;
                chunks()
            }
        };
        outer(&recorders.layer(), nested).await;
        assert_all_see(&recorders, 1, 0).await;
    });
}
