//! Where the current run follows on its own, and where it has to be carried. Each row of the table in the
//! guide (`guide::propagation`) has a test of the same name here.

mod buffer;
mod same_task;
mod threads;

use support::{PATIENCE, Recorders, everywhere, request};
use tower::{BoxError, Layer};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, RunConfig, RunLayer, chat,
    layer::CallbackService,
    testing::{Script, ScriptedModel, assert_promises},
};

type Model = CallbackService<ScriptedModel>;

/// A model without callbacks.
fn model() -> Model {
    let model = ScriptedModel::new(Script::answer(["a", "b"]).yields());
    CallbackLayer::new(Callbacks::new()).layer(model)
}

/// Calls the model from wherever this is polled.
async fn ask() -> Result<(), BoxError> {
    chat::collect(model().oneshot(request()).await?).await?;
    Ok(())
}

/// Runs work in a chain, and checks that this many of its model calls are children of the chain, with the
/// configuration of the request. Calls that the run does not follow are unobserved.
fn children<F, Fut>(inside: usize, work: F)
where
    F: Fn() -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    everywhere(move |recorders| {
        let work = work.clone();
        async move {
            let config = RunConfig::new().callbacks(&recorders.callbacks).tags(["asked"]);
            let chain = async { RunLayer::chain("chain").run(work()).await };
            config.scope(chain).await.unwrap();
            check(&recorders, inside).await;
        }
    });
}

async fn check(recorders: &Recorders, inside: usize) {
    assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
    recorders.faults.none();
    for (mode, recorder) in &recorders.each {
        let events = recorder.events();
        assert_promises(&events);
        let chain = events.iter().find(|event| event.name == "chain").expect("the chain").run_id;
        let calls: Vec<_> =
            events.iter().filter(|e| e.kind().is_start() && e.name == "llm").collect();
        assert_eq!(calls.len(), inside, "{mode:?}");
        for call in calls {
            assert_eq!(call.parent_run_id, Some(chain), "{mode:?}");
            assert_eq!(call.root_run_id, chain);
            assert_eq!(call.tags, ["asked".into()]);
        }
    }
}
