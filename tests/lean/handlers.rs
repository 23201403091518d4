//! Handlers: blocking and async ones, and those that come without a feature.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::StreamExt;
use serde_json::Value;
use tower::{Layer, service_fn};
use tower_llm_callbacks::{
    Callbacks, RunLayer,
    handlers::{EventStream, JsonLines, RunTrees},
    on_event, on_event_async,
};

async fn run(callbacks: &Callbacks) {
    let inner = service_fn(|word: &'static str| async move { Ok::<_, io::Error>(word) });
    let service = RunLayer::chain("chain").callbacks(callbacks).layer(inner);
    assert_eq!(service.oneshot("done").await.unwrap(), "done");
    assert!(callbacks.flush(Duration::from_secs(20)).await.is_complete());
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn blocking_and_async_ones_are_called() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (blocking, asynchronous) = (Arc::clone(&seen), Arc::clone(&seen));
    let callbacks = Callbacks::new()
        .blocking(on_event(move |_, event| blocking.lock().unwrap().push(event.kind())))
        .async_handler(on_event_async(move |_, event| {
            let seen = Arc::clone(&asynchronous);
            async move { seen.lock().unwrap().push(event.kind()) }
        }));
    run(&callbacks).await;
    assert_eq!(seen.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn lines_and_trees_are_written() {
    let (written, trees) = (Written::default(), RunTrees::new());
    let callbacks =
        Callbacks::new().blocking(JsonLines::new(written.clone())).inline(trees.clone());
    run(&callbacks).await;
    let written = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let events: Vec<Value> =
        written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        events.iter().map(|event| &event["event"]).collect::<Vec<_>>(),
        ["chain_start", "chain_end"]
    );
    assert_eq!(trees.take().len(), 1);
}

#[tokio::test]
async fn events_are_a_stream() {
    let (events, stream) = EventStream::builder().attach();
    run(&events).await;
    drop(events);
    assert_eq!(stream.collect::<Vec<_>>().await.len(), 2);
}
