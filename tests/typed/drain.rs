//! `StreamDrainLayer`, above a callback layer.

mod ends;
mod limits;
mod places;
mod runs;

use std::time::Duration;

use futures::{StreamExt, future::BoxFuture};
use support::{PATIENCE, Recorders, request};
use tower::{BoxError, Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    Delta, LlmResult, Usage,
    chat::ChatRequest,
    drain::{DrainStats, DrainStream, StreamDrainLayer},
    layer::CallbackStream,
    testing::{Script, ScriptedModel, ScriptedStream},
};

type Answer = DrainStream<CallbackStream<ScriptedStream>>;

/// `ab`, with its usage at the end.
fn answer() -> Script {
    let usage = Delta::usage(Usage::new(11, 25));
    let begin = Script::new().respond().text("a").yields().text("b").yields();
    begin.chunk(Delta::finish("stop")).yields().chunk(usage).chunk(Delta::Done)
}

/// A drained model with callbacks.
struct Drained {
    recorders: Recorders,
    drain: StreamDrainLayer,
    inner: ScriptedModel,
}

impl Drained {
    fn new(recorders: Recorders, script: Script) -> Self {
        let drain = StreamDrainLayer::new();
        Self { recorders, drain, inner: ScriptedModel::new(script) }
    }

    fn call(&self) -> BoxFuture<'static, Result<Answer, BoxError>> {
        let model = self.recorders.layer().layer(self.inner.clone());
        Box::pin(self.drain.layer(model).oneshot(request()))
    }

    /// Returns a call that is made, and whose future is not polled.
    fn service(
        &self,
    ) -> impl Service<ChatRequest, Response = Answer, Error = BoxError, Future: Send> + use<> {
        self.drain.layer(self.recorders.layer().layer(self.inner.clone()))
    }

    /// Reads this many items, and drops the rest.
    async fn read_and_drop(&self, items: usize) {
        let mut stream = self.call().await.unwrap();
        for _ in 0..items {
            stream.next().await.unwrap().unwrap();
        }
    }

    /// Waits until nothing is drained. Returns the counts, of which `active` is zero.
    async fn drained(&self) -> DrainStats {
        // The tests in paused time have drains of 30 seconds.
        assert!(self.drain.flush(2 * PATIENCE).await);
        assert_eq!(self.inner.live(), 0);
        let stats = self.drain.stats();
        assert_eq!(stats.active, 0);
        stats
    }
}

#[track_caller]
fn assert_whole(result: &LlmResult) {
    assert_eq!(result.text(), "ab");
    assert_eq!(result.usage.as_ref().and_then(|usage| usage.output_tokens), Some(25));
    assert_eq!(result.tokens, 2);
}

fn finished(finished: u64) -> impl Fn(DrainStats) {
    move |stats| {
        assert_eq!((stats.finished, dropped(stats)), (finished, 0), "{stats:?}");
    }
}

/// The number of answers that were not read to their end.
fn dropped(stats: DrainStats) -> u64 {
    stats.timed_out + stats.too_large + stats.panicked + stats.refused + stats.without_runtime
}

fn paused(test: impl Future<Output = ()>) {
    let mut builder = support::Flavor::Current.builder();
    builder.enable_all().start_paused(true).build().unwrap().block_on(test);
}

const SECOND: Duration = Duration::from_secs(1);
