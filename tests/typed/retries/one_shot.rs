//! A name, and a handle, of a call that is made several times.

use tower::{Layer, Service, ServiceBuilder, ServiceExt, retry::RetryLayer, service_fn};
use tower_llm_callbacks::{
    AttemptsLayer, CallbackLayer, Callbacks, RunConfig, RunConfigLayer, RunLayer, batch::Batch,
    chat::ChatRequest, retry::RetryPolicy, testing::Recorder,
};

use super::{Retries, failing_twice, runs};

fn recorded(recorder: &Recorder) -> CallbackLayer {
    CallbackLayer::new(Callbacks::new().inline(recorder.clone()))
}

/// All attempts have the name; the handle has the run that answers.
#[tokio::test]
async fn attempts_share_the_name_and_the_handle_follows_them() {
    let recorder = Recorder::new();
    let mut model = ServiceBuilder::new()
        .layer(AttemptsLayer::new())
        .layer(RetryLayer::new(Retries(5)))
        .layer(recorded(&recorder))
        .service(failing_twice());
    let config = RunConfig::new().run_name("summary");
    let handle = config.handle();
    let answer = config.clone().call(&mut model, ChatRequest::new("any")).await.unwrap();
    support::read(answer).await;
    let first = runs(&recorder);
    assert_eq!(first.len(), 3);
    for run in &first {
        assert_eq!(&*run[0].name, "summary");
    }
    assert_eq!(handle.run_id(), Some(first[2][0].run_id));

    // A clone: the name is taken, and the first call stays.
    let answer = config.call(&mut model, ChatRequest::new("any")).await.unwrap();
    support::read(answer).await;
    let all = runs(&recorder);
    assert_eq!(&*all[3][0].name, "llm");
    assert_eq!(handle.run_id(), Some(first[2][0].run_id));
}

/// A chain takes the name: attempts below it are other runs.
#[tokio::test]
async fn attempts_below_the_first_run_have_no_name() {
    let recorder = Recorder::new();
    let model = ServiceBuilder::new()
        .layer(AttemptsLayer::new())
        .layer(RetryLayer::new(Retries(5)))
        .layer(recorded(&recorder))
        .service(failing_twice());
    let chain = RunLayer::chain("c").callbacks(Callbacks::new().inline(recorder.clone()));
    let mut chain = chain.layer(service_fn(move |()| super::ask(model.clone())));
    let config = RunConfig::new().run_name("summary");
    let handle = config.handle();
    config.call(&mut chain, ()).await.unwrap();
    let names: Vec<_> = runs(&recorder).iter().map(|run| run[0].name.clone()).collect();
    assert_eq!(
        names.iter().map(|name| &**name).collect::<Vec<_>>(),
        ["summary", "llm", "llm", "llm"]
    );
    assert_eq!(handle.run_id(), Some(runs(&recorder)[0][0].run_id));
}

#[tokio::test]
async fn a_handle_of_a_bound_configuration_has_the_first_call() {
    let recorder = Recorder::new();
    let config = RunConfig::new().run_name("bound");
    let handle = config.handle();
    let mut model = RunConfigLayer::new(config).layer(recorded(&recorder).layer(failing_twice()));
    assert_eq!(handle.run_id(), None);
    for _ in 0..2 {
        let _ = model.ready().await.unwrap().call(ChatRequest::new("any")).await;
    }
    let runs = runs(&recorder);
    assert!(runs.iter().all(|run| &*run[0].name == "bound"));
    assert_eq!(handle.run_id(), Some(runs[0][0].run_id));
}

#[tokio::test]
async fn a_handle_follows_what_is_set_later_but_no_sibling() {
    let recorder = Recorder::new();
    let mut model = recorded(&recorder).layer(failing_twice());
    let base = RunConfig::new();
    let handle = base.handle();
    let (one, other) = (base.clone().run_name("one"), base.run_name("other"));
    let other_handle = other.handle();
    let _ = one.call(&mut model, ChatRequest::new("any")).await;
    let first = runs(&recorder)[0][0].run_id;
    assert_eq!(handle.run_id(), Some(first));
    assert_eq!(other_handle.run_id(), None);
    let _ = other.call(&mut model, ChatRequest::new("any")).await;
    assert_eq!(handle.run_id(), Some(first));
    assert_eq!(other_handle.run_id(), Some(runs(&recorder)[1][0].run_id));
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_the_ids_of_the_runs_that_answered() {
    let recorder = Recorder::new();
    let model = ServiceBuilder::new()
        .layer(RetryPolicy::new().layer())
        .layer(recorded(&recorder))
        .service(failing_twice());
    let batch = Batch::new().limit(1).run(&model, [ChatRequest::new("any")]).await.unwrap();
    assert_eq!(batch.generations[0].as_ref().unwrap().text(), "ab");
    assert_eq!(batch.run_ids, [Some(runs(&recorder)[2][0].run_id)]);
}
