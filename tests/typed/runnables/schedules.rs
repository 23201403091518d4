//! Random trees in random schedules: chains of chains and models that complete, fail, hang or are dropped,
//! delivered in every mode.

use std::{pin::Pin, time::Duration};

use futures::{StreamExt, future::BoxFuture, stream};
use proptest::prelude::*;
use support::{MODES, PATIENCE, Recorders, request};
use tower::{BoxError, Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, RunConfig, RunLayer,
    testing::{Script, ScriptedModel, assert_promises},
};

/// The work of a run.
#[derive(Debug, Clone)]
enum Work {
    /// Calls a model that answers with `tokens` tokens, and reads `read` items.
    Ask {
        tokens: usize,
        read: usize,
    },
    Fail,
    Hang,
    /// A unary run with nested work, sequential or concurrent.
    Chain {
        inner: Vec<Work>,
        at_once: bool,
    },
    /// A streaming run whose items are the nested work. Reads `read` of them.
    Stream {
        inner: Vec<Work>,
        read: usize,
    },
    Yield,
}

fn work() -> impl Strategy<Value = Work> {
    let leaf = prop_oneof![
        4 => (0..4_usize, 0..6_usize).prop_map(|(tokens, read)| Work::Ask { tokens, read }),
        1 => Just(Work::Fail),
        1 => Just(Work::Hang),
        2 => Just(Work::Yield),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let inner = prop::collection::vec(inner, 0..4);
        prop_oneof![
            (inner.clone(), any::<bool>())
                .prop_map(|(inner, at_once)| Work::Chain { inner, at_once }),
            (inner, 0..5_usize).prop_map(|(inner, read)| Work::Stream { inner, read }),
        ]
    })
}

fn perform(work: Work) -> BoxFuture<'static, Result<(), BoxError>> {
    Box::pin(async move {
        match work {
            Work::Yield => tokio::task::yield_now().await,
            Work::Fail => return Err("failed".into()),
            Work::Hang => std::future::pending().await,
            Work::Ask { tokens, read } => {
                let script = (0..tokens)
                    .fold(Script::new().yields().respond(), |script, _| script.text("t").yields());
                let model = ScriptedModel::new(script.complete("stop"));
                let mut model = CallbackLayer::new(Callbacks::new()).layer(model);
                let mut answer = model.ready().await?.call(request()).await?;
                for _ in 0..read {
                    let Some(chunk) = answer.next().await else { break };
                    chunk?;
                }
            }
            Work::Chain { inner, at_once } => {
                let run = RunLayer::chain("chain").run(async move {
                    if at_once {
                        let all = inner.into_iter().map(perform);
                        futures::future::try_join_all(all).await?;
                    } else {
                        for work in inner {
                            perform(work).await?;
                        }
                    }
                    Ok::<_, BoxError>(())
                });
                run.await?;
            }
            Work::Stream { inner, read } => {
                let inner = tower::service_fn(move |(): ()| {
                    let works = stream::iter(inner.clone()).then(perform);
                    let works: Pin<Box<dyn futures::Stream<Item = _> + Send>> = Box::pin(works);
                    async move { Ok::<_, BoxError>(works) }
                });
                let layer = RunLayer::retriever("stream").fold(0, |sum, (): &()| *sum += 1);
                let mut items = layer.layer(inner).oneshot(()).await?;
                for _ in 0..read {
                    let Some(item) = items.next().await else { break };
                    item?;
                }
            }
        }
        Ok(())
    })
}

/// Performs the work, and drops it if it is not done after this many polls.
async fn perform_for(polls: usize, work: Work) {
    let mut future = perform(work);
    for _ in 0..polls {
        if futures::poll!(&mut future).is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn each_run_has_one_end_and_children_end_before_their_parents(
        work in work(),
        polls in 0..60_usize,
        multi in any::<bool>(),
    ) {
        let flavor = support::FLAVORS[usize::from(multi)];
        let runtime = flavor.runtime();
        let recorders = Recorders::new(&MODES);
        let config = RunConfig::new().callbacks(&recorders.callbacks);
        let whole = async {
            let task = tokio::spawn(config.scope(perform_for(polls, work)));
            tokio::time::timeout(PATIENCE, task).await.expect("the work hangs").expect("no panic");
            recorders.callbacks.flush(PATIENCE).await
        };
        prop_assert!(runtime.block_on(whole).is_complete());
        runtime.shutdown_timeout(Duration::from_secs(5));
        recorders.faults.none();
        let reference = &recorders.each[0].1;
        for (mode, recorder) in &recorders.each {
            let events = recorder.events();
            assert_promises(&events);
            let ids = recorder.run_ids();
            prop_assert_eq!(ids.len(), reference.run_ids().len(), "{:?}", mode);
            prop_assert_eq!(recorder.terminals().len(), ids.len(), "{:?}", mode);
        }
        // Inline handlers see events in the order in which they happen.
        let events = reference.events();
        for (at, event) in events.iter().enumerate() {
            if !event.kind().is_terminal() {
                continue;
            }
            let child = events[at..].iter().find(|other| other.parent_run_id == Some(event.run_id));
            prop_assert!(child.is_none(), "{:?} after the end of its parent", child);
        }
    }
}
