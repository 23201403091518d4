use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use tower::Layer;
use tower_llm_callbacks::{
    CallbackHandler, CallbackLayer, Callbacks, Event, Run,
    chat::{self, ChatRequest},
    nats::{Publisher, PublisherConfig, Worker, WorkerConfig},
    testing::{Script, ScriptedModel},
};

use crate::server::Stream;

const PATIENCE: Duration = Duration::from_secs(60);

/// Calls, 20 at a time.
pub(crate) async fn calls(callbacks: &Callbacks, runs: usize, tokens: usize) {
    let layer = CallbackLayer::new(callbacks.clone());
    let script = Script::answer((0..tokens).map(|_| " token"));
    let model = layer.layer(ScriptedModel::new(script));
    for first in (0..runs).step_by(20) {
        let calls = (first..runs.min(first + 20)).map(|_| async {
            let answer = model.clone().oneshot(ChatRequest::new("m").user("Hi")).await;
            chat::collect(answer.expect("it answers")).await.expect("it completes");
        });
        join_all(calls).await;
    }
    assert!(callbacks.flush(PATIENCE).await.is_complete());
}

pub(crate) async fn publisher(stream: &Stream) -> Publisher {
    let config = PublisherConfig::new(stream.config.clone()).buffer(1_000_000);
    Publisher::connect(config).await.expect("the server is there")
}

pub(crate) async fn publish(publisher: &Publisher, runs: usize, tokens: usize) {
    let callbacks = Callbacks::new().add(publisher.handler());
    calls(&callbacks, runs, tokens).await;
    assert_eq!(publisher.flush(PATIENCE).await, 0);
}

#[derive(Default)]
struct Count(AtomicU64);

impl CallbackHandler for Count {
    fn on_event(&self, _run: &Run, _event: &Event) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) async fn read(stream: &Stream, group: &str, events: usize) {
    let count = Arc::new(Count::default());
    let callbacks = Callbacks::new().inline(Arc::clone(&count));
    let config = WorkerConfig::new(stream.config.clone()).group(group);
    let worker = Worker::connect(config, callbacks).await.expect("the server is there");
    while count.0.load(Ordering::Relaxed) < events as u64 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    worker.stop().await.expect("the server is there");
}
