//! A callback layer above and below each of tower's layers and of the crate's own, in one stack: calls run in tasks of their own,
//! each makes one run above and one below, and that below is the child.

use std::time::Duration;

use support::request;
use tower::{
    BoxError, ServiceBuilder,
    buffer::BufferLayer,
    limit::{ConcurrencyLimitLayer, GlobalConcurrencyLimitLayer, RateLimitLayer},
    load_shed::LoadShedLayer,
    timeout::TimeoutLayer,
    util::{BoxCloneService, BoxCloneSyncService, BoxService, MapErrLayer, MapRequestLayer},
};
use tower_llm_callbacks::{
    AttemptsLayer, CallbackLayer, Callbacks, RunConfig, RunConfigLayer,
    chat::{BoxModel, ChatRequest},
    drain::StreamDrainLayer,
    retry::RetryPolicy,
    scope::RunContextLayer,
    testing::{Recorder, Script, ScriptedModel, assert_promises},
    timeout::StreamTimeoutLayer,
};

/// Makes a test for each layer, or for several in their order.
macro_rules! in_any_place {
    ($($name:ident: $($layer:expr),+;)+) => {$(
        #[tokio::test]
        async fn $name() {
            let (above, below) = (Recorder::new(), Recorder::new());
            let layer = |of: &Recorder| CallbackLayer::new(Callbacks::new().inline(of.clone()));
            let stack = ServiceBuilder::new()
                .layer(layer(&above))
                $(.layer($layer))+
                .layer(layer(&below))
                .service(ScriptedModel::new(Script::answer(["Hel", "lo"])));
            let stack = BoxModel::new(stack.checked::<ChatRequest>());
            answers_in_tasks(stack, &above, &below).await;
        }
    )+};
}

in_any_place! {
    a_buffer: BufferLayer::new(8);
    a_concurrency_limit: ConcurrencyLimitLayer::new(2);
    a_global_concurrency_limit: GlobalConcurrencyLimitLayer::new(2);
    a_rate_limit_below_a_buffer: BufferLayer::new(8), RateLimitLayer::new(100, Duration::from_secs(1));
    a_timeout: TimeoutLayer::new(Duration::from_secs(20));
    a_load_shed: LoadShedLayer::new();
    a_retry: RetryPolicy::new().layer();
    a_map_of_requests: MapRequestLayer::new(|request: ChatRequest| request.max_tokens(7));
    a_map_of_errors: MapErrLayer::new(|error: BoxError| error);
    a_box: BoxCloneService::layer();
    a_box_that_is_sync: BoxCloneSyncService::layer();
    a_box_that_is_not_clone_below_a_buffer: BufferLayer::new(8), BoxService::layer();
    a_limit_of_pauses: StreamTimeoutLayer::new().between(Duration::from_secs(20));
    a_drain: StreamDrainLayer::new();
    attempts: AttemptsLayer::new();
    a_configuration: RunConfigLayer::new(RunConfig::new());
    a_context: RunContextLayer::new();
    all_together:
        BoxCloneService::layer(),
        StreamDrainLayer::new(),
        LoadShedLayer::new(),
        BufferLayer::new(8),
        RetryPolicy::new().layer(),
        TimeoutLayer::new(Duration::from_secs(20)),
        ConcurrencyLimitLayer::new(4),
        BufferLayer::new(8),
        RateLimitLayer::new(100, Duration::from_secs(1)),
        BoxService::layer();
}

async fn answers_in_tasks(stack: BoxModel, above: &Recorder, below: &Recorder) {
    let task = tokio::spawn(stack.ask(request()));
    let (task, here) = tokio::join!(task, stack.ask(request()));
    for answer in [task.expect("no panic"), here] {
        let answer = answer.expect("a response").collect_result().await.expect("an answer");
        assert_eq!(answer.text(), "Hello");
    }
    assert_promises(&above.events());
    assert_promises(&below.events());
    let mut parents: Vec<_> = below.terminals().iter().map(|end| end.parent_run_id).collect();
    let mut outer: Vec<_> = above.run_ids().into_iter().map(Some).collect();
    parents.sort_unstable();
    outer.sort_unstable();
    assert_eq!(parents, outer);
}
