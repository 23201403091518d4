//! If not all events can be kept, losses are counted, and the rest is in order.

use std::time::Duration;

use tower_llm_callbacks::{
    Callbacks,
    nats::{Discard, Publisher, PublisherConfig, Worker, WorkerConfig},
};

use crate::{
    calls::{Gateway, until},
    lines::{Lines, assert_in_order, assert_whole, is_terminal, runs},
    server::Server,
};

async fn worker(server: &Server) -> (Worker, Lines) {
    let there = Lines::default();
    let callbacks = Callbacks::new().add(there.inline());
    let worker = Worker::connect(WorkerConfig::new(server.stream()), callbacks).await;
    (worker.unwrap(), there)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_stream_refuses_and_counts() {
    let Some(server) = Server::start() else { return };
    let stream = server.stream().max_bytes(200_000).discard(Discard::New);
    // With a small window, a refused start is known before the rest of its run is sent.
    let config = PublisherConfig::new(stream).window(4);
    let gateway = Gateway::of(Publisher::connect(config).await.unwrap());
    for _ in 0..40 {
        gateway.call(20, Duration::ZERO).await;
    }
    gateway.flush().await;
    let published = gateway.here.len() as u64;
    let stats = gateway.publisher.stats();
    assert!(stats.lost.refused > 0, "{stats:?}");
    assert!(stats.lost.without_start > 0, "{stats:?}");
    assert_eq!(stats.acknowledged + stats.lost.total(), published, "{stats:?}");
    // The server removes its oldest messages if it has accepted too many, as it may for those that come at once.
    let stored = server.messages().await;
    assert!((stats.acknowledged - 4..=stats.acknowledged).contains(&stored), "{stored}, {stats:?}");
    let (worker, there) = worker(&server).await;
    until(&worker, |read| read.delivered + read.without_start == stored).await;
    let delivered = there.get();
    assert_eq!(delivered.len() as u64, worker.stats().delivered);
    let open = assert_in_order(&delivered);
    drop(worker);
    let whole = runs(&delivered).len() - open.len();
    assert!(whole > 5, "{whole}");
}

/// With the server down and the buffer full, tokens are dropped first. No run lacks its end.
#[tokio::test]
async fn a_full_buffer_drops_tokens_first() {
    let Some(mut server) = Server::not_yet() else { return };
    let config = PublisherConfig::new(server.stream()).buffer(40);
    let gateway = Gateway::of(Publisher::start(config));
    for _ in 0..30 {
        gateway.call(30, Duration::ZERO).await;
        assert!(gateway.callbacks.flush(Duration::from_secs(5)).await.is_complete());
    }
    let published = gateway.here.len() as u64;
    let stats = gateway.publisher.stats();
    assert_eq!((stats.waiting, stats.lost.total()), (40, published - 40), "{stats:?}");
    server.begin();
    gateway.flush().await;
    assert_eq!(gateway.publisher.stats().acknowledged, 40);
    let (worker, there) = worker(&server).await;
    until(&worker, |stats| stats.delivered == 40).await;
    worker.stop().await.unwrap();
    let delivered = there.get();
    assert_whole(&delivered);
    assert_eq!(runs(&delivered).len(), 10, "half of the buffer is for starts and ends");
    // Later calls are published as before.
    gateway.call(30, Duration::ZERO).await;
    gateway.flush().await;
    assert_eq!(gateway.publisher.stats().acknowledged, 72);
}

/// Of a single answer, the beginning and the end are kept.
#[tokio::test]
async fn the_latest_tokens_are_dropped_first() {
    let Some(mut server) = Server::not_yet() else { return };
    let config = PublisherConfig::new(server.stream()).buffer(12);
    let gateway = Gateway::of(Publisher::start(config));
    gateway.call(30, Duration::ZERO).await;
    assert!(gateway.callbacks.flush(Duration::from_secs(5)).await.is_complete());
    assert_eq!(gateway.publisher.lost().no_room, 20);
    server.begin();
    gateway.flush().await;
    let (worker, there) = worker(&server).await;
    until(&worker, |stats| stats.delivered == 12).await;
    worker.stop().await.unwrap();
    let delivered = there.get();
    let numbers: Vec<_> = delivered.iter().map(|line| line["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 31]);
    assert!(is_terminal(&delivered[11]));
}

/// The server accepts messages of up to one megabyte.
#[tokio::test]
async fn an_event_that_is_too_large_is_refused() {
    let Some(server) = Server::start() else { return };
    let gateway = Gateway::to(&server).await;
    gateway.tree().await;
    let large = "x".repeat(2 << 20);
    let run = tower_llm_callbacks::RunLayer::chain("large").input(move |_: &()| large.clone());
    let layer = run.callbacks(&gateway.callbacks);
    let _ = layer.run(async { Ok::<_, tower::BoxError>(()) }).await;
    let layer = tower_llm_callbacks::RunLayer::chain("small").callbacks(&gateway.callbacks);
    let _ = layer
        .output(|(): &()| "x".repeat(2 << 20))
        .run(async { Ok::<_, tower::BoxError>(()) })
        .await;
    gateway.tree().await;
    gateway.flush().await;
    let stats = gateway.publisher.stats();
    assert_eq!(stats.lost.refused, 2, "{stats:?}");
    // The end of the run whose start was refused may have been in flight already.
    assert_eq!(stats.acknowledged + stats.lost.without_start, 12, "{stats:?}");
}
