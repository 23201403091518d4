//! A server that stays up.

use std::time::{Duration, Instant};

use tower_llm_callbacks::{
    Callbacks,
    nats::{Discard, Publisher, PublisherConfig, Storage, StreamConfig, Worker, WorkerConfig},
    on_event_async,
};

use crate::{
    calls::{Gateway, PATIENCE, until},
    lines::{Lines, assert_same, assert_whole},
    server::Server,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_published_events_are_delivered() {
    let Some(server) = Server::start() else { return };
    let gateway = Gateway::to(&server).await;
    let there = Lines::default();
    let callbacks = Callbacks::new().add(there.blocking());
    let worker = Worker::connect(WorkerConfig::new(server.stream()), callbacks).await.unwrap();
    gateway.calls(50, 20, Duration::from_millis(1)).await;
    for _ in 0..10 {
        gateway.tree().await;
    }
    gateway.flush().await;
    let published = gateway.here.len() as u64;
    assert_eq!(published, 50 * 22 + 10 * 5);
    until(&worker, |stats| stats.delivered == published).await;
    worker.stop().await.unwrap();
    assert_same(there.get(), &gateway.here);
    assert_whole(&there.get());
    let stats = gateway.publisher.stats();
    assert_eq!((stats.acknowledged, stats.duplicates, stats.waiting), (published, 0, 0));
    assert_eq!((stats.lost.total(), stats.connections), (0, 1));
}

/// Two publishers send the same runs: the server removes duplicates by the event's id.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_published_twice_are_delivered_once() {
    let Some(server) = Server::start() else { return };
    let mut gateway = Gateway::to(&server).await;
    let again = Publisher::connect(PublisherConfig::new(server.stream())).await.unwrap();
    gateway.callbacks = gateway.callbacks.clone().add(again.handler());
    let there = Lines::default();
    let callbacks = Callbacks::new().add(there.blocking());
    let worker = Worker::connect(WorkerConfig::new(server.stream()), callbacks).await.unwrap();
    gateway.calls(20, 20, Duration::from_millis(1)).await;
    gateway.flush().await;
    assert_eq!(again.flush(PATIENCE).await, 0);
    let published = gateway.here.len() as u64;
    let (one, other) = (gateway.publisher.stats(), again.stats());
    assert_eq!(one.acknowledged + other.acknowledged, 2 * published);
    assert_eq!(one.duplicates + other.duplicates, published);
    until(&worker, |stats| stats.delivered == published).await;
    worker.stop().await.unwrap();
    assert_same(there.get(), &gateway.here);
    assert_whole(&there.get());
}

/// A slow handler of one run does not delay another run of the partition. If all are slow, no events are
/// lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_handler_delays_its_run_only() {
    let Some(server) = Server::start() else { return };
    let stream = server.stream().partitions(1);
    let publisher = PublisherConfig::new(stream.clone());
    let gateway = Gateway::of(Publisher::connect(publisher).await.unwrap());
    let there = Lines::default();
    let slows = on_event_async(|run, event| async move {
        if run.name() == "slow" && event.kind().is_start() {
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
        if event.kind().is_terminal() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let callbacks = Callbacks::new().async_handler(slows).add(there.blocking());
    let config = WorkerConfig::new(stream).read_ahead(64);
    let worker = Worker::connect(config, callbacks).await.unwrap();
    let begun = Instant::now();
    gateway.call_named("slow", 10, Duration::ZERO).await;
    for _ in 0..20 {
        gateway.call(5, Duration::ZERO).await;
    }
    gateway.flush().await;
    // The other runs end while the slow handler is still in its start.
    until(&worker, |stats| stats.delivered >= 20 * 7).await;
    assert!(begun.elapsed() < Duration::from_millis(2900), "{:?}", begun.elapsed());
    until(&worker, |stats| stats.delivered == gateway.here.len() as u64).await;
    assert!(begun.elapsed() >= Duration::from_secs(3));
    worker.stop().await.unwrap();
    assert_whole(&there.get());
    assert_same(there.get(), &gateway.here);
}

#[tokio::test]
async fn invalid_records_are_counted_and_skipped() {
    let Some(server) = Server::start() else { return };
    let gateway = Gateway::to(&server).await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let there = Lines::default();
    let callbacks = Callbacks::new().add(there.inline());
    let worker = Worker::connect(WorkerConfig::new(server.stream()), callbacks).await.unwrap();
    for partition in 0..8 {
        let subject = format!("llm.events.{partition}.llm.llm_start");
        client.publish(subject, "{\"v\":9}".into()).await.unwrap();
    }
    client.flush().await.unwrap();
    gateway.calls(10, 3, Duration::ZERO).await;
    gateway.flush().await;
    until(&worker, |stats| stats.delivered == 50 && stats.invalid == 8).await;
    worker.stop().await.unwrap();
    assert_whole(&there.get());
}

#[tokio::test]
async fn publishers_and_workers_must_agree_on_the_stream() {
    let Some(mut server) = Server::start() else { return };
    let stream = server.stream().max_age(Duration::from_secs(3600)).max_bytes(1 << 20);
    let stream = stream.storage(Storage::Memory).discard(Discard::New).name("events").prefix("e");
    let first = Publisher::connect(PublisherConfig::new(stream.clone().partitions(4))).await;
    first.unwrap();
    let config = WorkerConfig::new(stream.clone().partitions(5));
    let error = Worker::connect(config, Callbacks::new()).await.unwrap_err();
    assert!(error.is_stream_mismatch(), "{error}");
    let error = Publisher::connect(PublisherConfig::new(stream)).await.unwrap_err();
    assert!(error.is_stream_mismatch(), "{error}");
    server.kill();
    let config = WorkerConfig::new(server.stream());
    let error = Worker::connect(config, Callbacks::new()).await.unwrap_err();
    assert!(error.is_connect(), "{error}");
    let server = server.url().replace("nats://", "");
    assert_eq!(error.to_string(), format!("cannot connect to NATS server {server}"));
    assert!(std::error::Error::source(&error).is_some());
}

/// What an address has of a password.
#[tokio::test]
async fn errors_have_no_passwords() {
    for (address, is_invalid) in
        [("nats://user:canary@127.0.0.1:1", false), ("nats://user:canary@[:1", true)]
    {
        let config = PublisherConfig::new(StreamConfig::new(address));
        let error = Publisher::connect(config).await.unwrap_err();
        assert_eq!((error.is_invalid_address(), error.is_connect()), (is_invalid, !is_invalid));
        let source = std::error::Error::source(&error).map(|source| format!("{source} {source:?}"));
        let text = format!("{error} {error:?} {source:?}");
        assert!(!text.contains("canary"), "{text}");
    }
}
