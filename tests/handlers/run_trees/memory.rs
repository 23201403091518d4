//! What trees keep alive, and what keeps trees alive.

use std::sync::{Arc, Weak};

use serde_json::Value;
use support::{on_each_runtime, until};
use tower::{BoxError, Layer, Service};
use tower_llm_callbacks::{
    CallbackHandler, CallbackLayer, Callbacks, InCurrentRun, LlmRequest, LlmStart, Prompt, Run,
    RunConfig, RunLayer, chat, emit,
    handlers::RunTrees,
    testing::{Script, ScriptedModel},
};

use super::{chain, config, only};

/// A request whose unread prompt shows whether the run's start is alive.
struct Kept(Arc<()>);

impl LlmRequest for Kept {
    fn llm_start(&self) -> LlmStart {
        let kept = Arc::clone(&self.0);
        LlmStart::new("acme", "chat").messages(Prompt::lazy(move || {
            drop(kept);
            Value::Null
        }))
    }
}

async fn ask(kept: &Arc<()>) -> Result<(), BoxError> {
    // An estimate reads the prompt.
    let layer = CallbackLayer::new(Callbacks::new()).without_estimates();
    let mut model = layer.layer(ScriptedModel::for_requests(Script::answer(["a"])));
    let answer = model.call(Kept(Arc::clone(kept))).await?;
    chat::collect(answer).await?;
    Ok(())
}

/// A handler in the same callbacks that shows whether they are alive.
struct Beside(#[expect(dead_code, reason = "only dropped")] Arc<()>);

impl CallbackHandler for Beside {}

/// Runs hold what their children inherit, and with it the trees. So a tree must not hold its runs.
#[test]
fn trees_hold_neither_runs_nor_callbacks() {
    on_each_runtime(|| async {
        let (kept, beside) = (Arc::new(()), Arc::new(()));
        let weak: Weak<()> = Arc::downgrade(&beside);
        let trees = RunTrees::new();
        let callbacks = Callbacks::new().inline(trees.clone()).inline(Beside(beside));
        let layer = RunLayer::chain("root").inheritable_callbacks(&callbacks);
        layer
            .run(async {
                emit("event", 1)?;
                ask(&kept).await
            })
            .await
            .unwrap();
        assert_eq!(Arc::strong_count(&kept), 2, "only the tree holds the start");
        drop((callbacks, layer));
        // Handlers are dropped on a thread of their own.
        support::until(|| weak.strong_count() == 0).await;
        let tree = only(&trees);
        drop(trees);
        assert_eq!(tree.len(), 2);
        drop(tree);
        assert_eq!(Arc::strong_count(&kept), 1);
    });
}

/// The last handle frees finished and growing trees.
#[test]
fn the_last_handle_frees_all_trees() {
    on_each_runtime(|| async {
        let kept = Arc::new(());
        let trees = RunTrees::new();
        config(&trees).scope(ask(&kept)).await.unwrap();
        let growing = {
            let kept = Arc::clone(&kept);
            chain("growing", async move {
                ask(&kept).await?;
                Ok(Run::current().unwrap())
            })
        };
        // A run that is held elsewhere, and one that never ends.
        let run = config(&trees).scope(growing).await.unwrap();
        let hangs = {
            let kept = Arc::clone(&kept);
            chain("hangs", async move {
                ask(&kept).await?;
                std::future::pending::<Result<(), BoxError>>().await
            })
        };
        let task = tokio::spawn(config(&trees).scope(hangs));
        until(|| Arc::strong_count(&kept) == 5).await;
        assert_eq!(trees.growing_runs(), 2);
        drop(trees);
        // The pending call and the held run hold the callbacks.
        assert_eq!(Arc::strong_count(&kept), 5);
        task.abort();
        assert!(task.await.is_err());
        assert!(run.has_ended());
        drop(run);
        until(|| Arc::strong_count(&kept) == 1).await;
    });
}

/// A handler takes trees while it is notified of the same runs.
#[test]
fn a_handler_may_take_trees_during_an_event() {
    on_each_runtime(|| async {
        let (kept, trees) = (Arc::new(()), RunTrees::new());
        let taken = Arc::new(std::sync::Mutex::new(0));
        let (counts, looks) = (Arc::clone(&taken), trees.clone());
        let looks = tower_llm_callbacks::on_event(move |_, _| {
            *counts.lock().unwrap() += looks.take().len();
        });
        let callbacks = Callbacks::new().inline(trees.clone()).inline(looks);
        for _ in 0..10 {
            RunConfig::new().callbacks(&callbacks).scope(ask(&kept)).await.unwrap();
        }
        assert_eq!((*taken.lock().unwrap(), trees.dropped()), (10, 0));
        assert_eq!(Arc::strong_count(&kept), 1);
    });
}

/// Ten thousand trees, with spawned children and dropped runs: memory stays within the bounds.
#[test]
fn memory_stays_bounded() {
    on_each_runtime(|| async {
        let (kept, trees) = (Arc::new(()), RunTrees::new());
        let one = |n: usize| {
            let kept = Arc::clone(&kept);
            chain("root", async move {
                ask(&kept).await?;
                if n.is_multiple_of(100) && n % 3 != 1 {
                    let kept = Arc::clone(&kept);
                    let child = async move { ask(&kept).await };
                    tokio::spawn(child.in_current_run()).await??;
                }
                if n % 3 == 1 {
                    tokio::task::yield_now().await;
                }
                Ok(())
            })
        };
        for n in 0..10_000 {
            let mut call = Box::pin(config(&trees).scope(one(n)));
            if n % 3 == 1 {
                assert!(futures::poll!(&mut call).is_pending());
            } else {
                call.await.unwrap();
            }
            if n == 500 || n == 9_999 {
                // The last hundred trees, some with two models.
                let starts = Arc::strong_count(&kept) - 1;
                assert!((100..=101).contains(&starts), "{starts}");
            }
        }
        assert_eq!((trees.growing_runs(), trees.dropped()), (0, 9_900));
        assert_eq!(trees.take().len(), 100);
        assert_eq!(Arc::strong_count(&kept), 1);
    });
}
