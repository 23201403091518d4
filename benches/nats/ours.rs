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

use crate::server::TestStream;

const DEADLINE: Duration = Duration::from_secs(60);

/// Makes calls, 20 at a time.
pub(crate) async fn calls(callbacks: &Callbacks, runs: usize, tokens: usize) {
    let layer = CallbackLayer::new(callbacks.clone());
    let script = Script::answer((0..tokens).map(|_| " token"));
    let model = layer.layer(ScriptedModel::new(script));
    for first in (0..runs).step_by(20) {
        let calls = (first..runs.min(first + 20)).map(|_| async {
            let answer = model.clone().oneshot(ChatRequest::new("m").user("Hi")).await;
            chat::collect(answer.expect("an answer")).await.expect("a complete answer");
        });
        join_all(calls).await;
    }
    assert!(callbacks.flush(DEADLINE).await.is_complete());
}

pub(crate) async fn publisher(stream: &TestStream) -> Publisher {
    let config = PublisherConfig::new(stream.config.clone()).buffer(1_000_000);
    Publisher::connect(config).await.expect("connected")
}

pub(crate) async fn publish(publisher: &Publisher, runs: usize, tokens: usize) {
    let callbacks = Callbacks::new().add(publisher.handler());
    calls(&callbacks, runs, tokens).await;
    assert_eq!(publisher.flush(DEADLINE).await, 0);
}

#[derive(Default)]
struct Count(AtomicU64);

impl CallbackHandler for Count {
    fn on_event(&self, _run: &Run, _event: &Event) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) async fn read(stream: &TestStream, group: &str, events: usize) {
    let count = Arc::new(Count::default());
    let callbacks = Callbacks::new().inline(Arc::clone(&count));
    let config = WorkerConfig::new(stream.config.clone()).group(group);
    let worker = Worker::connect(config, callbacks).await.expect("connected");
    while count.0.load(Ordering::Relaxed) < events as u64 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    worker.stop().await.expect("stopped");
}
