//! Calls of a scripted model.

use std::time::Duration;

use futures::future::join_all;
use tower::Layer;
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, RunConfig, RunLayer,
    chat::{self, ChatRequest},
    emit,
    nats::{Publisher, Worker, WorkerStats},
    testing::{Script, ScriptedModel},
};

use crate::{lines::Lines, server::Server};

pub(crate) const PATIENCE: Duration = Duration::from_secs(240);

/// A publishing process, and a local copy of its events.
pub(crate) struct Gateway {
    pub(crate) publisher: Publisher,
    pub(crate) callbacks: Callbacks,
    pub(crate) here: Lines,
}

impl Gateway {
    pub(crate) fn of(publisher: Publisher) -> Self {
        let here = Lines::default();
        let callbacks = Callbacks::new().add(publisher.handler()).add(here.inline());
        Self { publisher, callbacks, here }
    }

    pub(crate) async fn to(server: &Server) -> Self {
        let config = tower_llm_callbacks::nats::PublisherConfig::new(server.stream());
        Self::of(Publisher::connect(config).await.unwrap())
    }

    /// A call answered with this number of tokens, `pace` apart.
    pub(crate) async fn call(&self, tokens: usize, pace: Duration) {
        self.call_named("model", tokens, pace).await;
    }

    pub(crate) async fn call_named(&self, name: &'static str, tokens: usize, pace: Duration) {
        let mut script = Script::new().respond();
        for number in 0..tokens {
            script = script.text(format!("{number} "));
            if !pace.is_zero() {
                script = script.pause(pace);
            }
        }
        let layer = CallbackLayer::new(self.callbacks.clone()).name(name).tags(["nats"]);
        let model = layer.layer(ScriptedModel::new(script.complete("stop")));
        let answer = model.oneshot(ChatRequest::new("m").user("Hi")).await.unwrap();
        chat::collect(answer).await.unwrap();
    }

    pub(crate) async fn calls(&self, runs: usize, tokens: usize, pace: Duration) {
        join_all((0..runs).map(|_| self.call(tokens, pace))).await;
    }

    /// A chain with a tool, a custom event and an error.
    pub(crate) async fn tree(&self) {
        let inside = async {
            let tool = RunLayer::tool("look").output(|n: &i32| *n);
            tool.run(async { Ok::<_, tower::BoxError>(3) }).await?;
            emit("seen", 1)?;
            Err::<(), tower::BoxError>("broken".into())
        };
        let config = RunConfig::new().callbacks(&self.callbacks);
        let tree = async { RunLayer::chain("agent").run(inside).await };
        config.scope(tree).await.unwrap_err();
    }

    /// Waits until all events are acknowledged or lost.
    pub(crate) async fn flush(&self) {
        assert!(self.callbacks.flush(PATIENCE).await.is_complete());
        assert_eq!(self.publisher.flush(PATIENCE).await, 0, "{:?}", self.publisher);
    }
}

/// Waits until the worker's statistics satisfy `what`.
pub(crate) async fn until(worker: &Worker, what: impl Fn(&WorkerStats) -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !what(&worker.stats()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waited.await.is_ok(), "{worker:?}");
}
