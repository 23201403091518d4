//! A server that fails and recovers.

use std::time::{Duration, Instant};

use tokio::{join, time::sleep};
use tower_llm_callbacks::{
    Callbacks,
    nats::{Publisher, PublisherConfig, StreamConfig, Worker, WorkerConfig},
};

use crate::{
    calls::{Gateway, until},
    lines::{Lines, assert_same, assert_whole},
    proxy::Proxy,
    server::Server,
};

/// The server is killed repeatedly during many calls. No events are lost at either end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_loses_no_events() {
    let Some(mut server) = Server::start() else { return };
    let gateway = Gateway::to(&server).await;
    let there = Lines::default();
    let callbacks = Callbacks::new().add(there.blocking());
    let worker = Worker::connect(WorkerConfig::new(server.stream()), callbacks).await.unwrap();
    let calls = async {
        for _ in 0..4 {
            gateway.calls(60, 100, Duration::from_millis(10)).await;
        }
    };
    let kills = async {
        for pause in [700, 400, 900] {
            sleep(Duration::from_millis(pause)).await;
            server.kill();
            sleep(Duration::from_millis(300)).await;
            server.begin();
        }
    };
    join!(calls, kills);
    gateway.flush().await;
    let published = gateway.here.len() as u64;
    assert_eq!(published, 4 * 60 * 102);
    until(&worker, |stats| stats.delivered >= published).await;
    let stats = worker.stats();
    assert!(stats.connections > 8, "{stats:?}");
    assert_eq!((stats.delivered, stats.without_start), (published, 0), "{stats:?}");
    assert_eq!(stats.duplicates, 0, "events read before are skipped: {stats:?}");
    worker.stop().await.unwrap();
    assert_whole(&there.get());
    assert_same(there.get(), &gateway.here);
    let stats = gateway.publisher.stats();
    assert_eq!((stats.acknowledged, stats.lost.total()), (published, 0), "{stats:?}");
    assert!(stats.connections > 1, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_starts_later_receives_all_events() {
    let Some(mut server) = Server::not_yet() else { return };
    let gateway = Gateway::of(Publisher::start(PublisherConfig::new(server.stream())));
    let there = Lines::default();
    let callbacks = Callbacks::new().add(there.blocking());
    let worker = Worker::start(WorkerConfig::new(server.stream()), callbacks);
    gateway.calls(30, 20, Duration::ZERO).await;
    assert!(gateway.callbacks.flush(Duration::from_secs(5)).await.is_complete());
    assert_eq!(gateway.publisher.flush(Duration::from_millis(100)).await, 30 * 22);
    server.begin();
    gateway.flush().await;
    let published = gateway.here.len() as u64;
    until(&worker, |stats| stats.delivered == published).await;
    worker.stop().await.unwrap();
    assert_whole(&there.get());
    assert_same(there.get(), &gateway.here);
}

/// The frozen server keeps its connections open: only a timeout detects it. Calls do not wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_delays_no_call() {
    let Some(server) = Server::start() else { return };
    let stream = server.stream().timeout(Duration::from_millis(500));
    let publisher = Publisher::connect(PublisherConfig::new(stream)).await.unwrap();
    let gateway = Gateway::of(publisher);
    gateway.call(5, Duration::ZERO).await;
    server.freeze();
    let begun = Instant::now();
    gateway.calls(100, 50, Duration::ZERO).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    sleep(Duration::from_secs(2)).await;
    server.thaw();
    gateway.flush().await;
    let published = gateway.here.len() as u64;
    let there = Lines::default();
    let callbacks = Callbacks::new().add(there.blocking());
    let worker = Worker::connect(WorkerConfig::new(server.stream()), callbacks).await.unwrap();
    until(&worker, |stats| stats.delivered == published).await;
    assert_eq!(worker.stats().without_start, 0);
    worker.stop().await.unwrap();
    assert_whole(&there.get());
    assert_eq!(gateway.publisher.lost().total(), 0);
}

/// With hundreds of events in flight: no event after a lost one may reach the server before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_connection_keeps_the_order() {
    const CUTS: usize = 8;
    let Some(server) = Server::start() else { return };
    let address = server.url().strip_prefix("nats://").unwrap().to_owned();
    let proxy = Proxy::to(address, CUTS, 150_000).await;
    let stream = StreamConfig::new(&format!("nats://{}", proxy.address));
    let stream = stream.timeout(Duration::from_secs(2));
    let gateway = Gateway::of(Publisher::connect(PublisherConfig::new(stream)).await.unwrap());
    let there = Lines::default();
    let callbacks = Callbacks::new().add(there.blocking());
    let worker = Worker::connect(WorkerConfig::new(server.stream()), callbacks).await.unwrap();
    for _ in 0..3 {
        gateway.calls(50, 50, Duration::ZERO).await;
        gateway.flush().await;
    }
    assert!(proxy.cuts() > 5, "{}", proxy.cuts());
    let published = gateway.here.len() as u64;
    until(&worker, |stats| stats.delivered == published).await;
    let stats = worker.stats();
    // The server removed duplicates, and no event arrived after a later one.
    assert_eq!((stats.duplicates, stats.without_start), (0, 0), "{stats:?}");
    worker.stop().await.unwrap();
    assert_whole(&there.get());
    assert_same(there.get(), &gateway.here);
    let stats = gateway.publisher.stats();
    assert_eq!((stats.acknowledged, stats.lost.total()), (published, 0), "{stats:?}");
    assert!(stats.connections as usize > proxy.cuts(), "{stats:?}");
}
