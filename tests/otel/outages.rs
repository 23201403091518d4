//! Logs and metrics over OTLP to a receiver that refuses connections, is slow, is silent or breaks them off: calls go on,
//! and what is lost is counted.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use opentelemetry_otlp::{LogExporter, MetricExporter, Protocol, WithExportConfig};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    logs::{
        BatchConfigBuilder, BatchLogProcessor, LogBatch, LogExporter as Exporter, SdkLoggerProvider,
    },
    metrics::{PeriodicReader, SdkMeterProvider},
};
use support::{Faults, PATIENCE, read, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};
use tower::{Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks,
    handlers::{OtelContent, OtelMetrics, OtelSpans},
    testing::ScriptedModel,
};

use crate::{
    receiver::Receiver,
    typed_calls::{answer, chat_request},
};

const CALLS: usize = 100;
const BATCH: usize = 8;
/// What a slow receiver takes for a request.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Connections are refused.
    Closed,
    /// Requests are passed on late.
    Slow,
    /// Requests are read and not answered.
    Silent,
    /// Connections break off within a request.
    Broken,
}

/// The line to a receiver. A change of its state breaks all connections.
struct Line {
    address: SocketAddr,
    state: watch::Sender<State>,
    connections: Arc<AtomicUsize>,
}

impl Line {
    async fn to(receiver: &str) -> Self {
        let target = receiver.strip_prefix("http://").unwrap().to_owned();
        let mut listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, mut changes) = watch::channel(State::Open);
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            loop {
                if *changes.borrow_and_update() == State::Closed {
                    drop(listener);
                    if changes.wait_for(|state| *state != State::Closed).await.is_err() {
                        return;
                    }
                    listener = TcpListener::bind(address).await.unwrap();
                }
                tokio::select! {
                    accepted = listener.accept() => {
                        count.fetch_add(1, Ordering::Relaxed);
                        let client = accepted.unwrap().0;
                        tokio::spawn(carry(client, target.clone(), changes.clone()));
                    }
                    changed = changes.changed() => if changed.is_err() { return },
                }
            }
        });
        Self { address, state, connections }
    }
}

async fn carry(mut client: TcpStream, target: String, mut changes: watch::Receiver<State>) {
    let state = *changes.borrow_and_update();
    let carried = async {
        if state == State::Broken {
            let _ = client.read(&mut [0; 64]).await;
            return;
        }
        let mut server = TcpStream::connect(target).await.unwrap();
        match state {
            State::Silent => {
                let mut ignored = tokio::io::sink();
                let _ = copy(&mut client, &mut ignored).await;
            }
            State::Slow => {
                let (mut from_client, mut to_client) = client.split();
                let (mut from_server, mut to_server) = server.split();
                let requests = async {
                    let mut piece = vec![0; 1 << 16];
                    while let Ok(bytes @ 1..) = from_client.read(&mut piece).await {
                        sleep(PAUSE).await;
                        let _ = to_server.write_all(&piece[..bytes]).await;
                    }
                };
                let _ = tokio::join!(requests, copy(&mut from_server, &mut to_client));
            }
            _ => drop(copy_bidirectional(&mut client, &mut server).await),
        }
    };
    tokio::select! {
        () = carried => {}
        _ = changes.changed() => {}
    }
}

/// The log records that were exported, and those whose export failed.
#[derive(Debug, Clone, Default)]
struct Tally {
    sent: Arc<AtomicUsize>,
    failed: Arc<AtomicUsize>,
}

impl Tally {
    fn get(&self) -> (usize, usize) {
        (self.sent.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }
}

#[derive(Debug)]
struct Counted(LogExporter, Tally);

impl Exporter for Counted {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let records = batch.iter().count();
        let exported = self.0.export(batch).await;
        let count = if exported.is_ok() { &self.1.sent } else { &self.1.failed };
        count.fetch_add(records, Ordering::Relaxed);
        exported
    }
}

fn providers(line: SocketAddr, tally: Tally) -> (SdkLoggerProvider, SdkMeterProvider) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = |signal| format!("http://{line}/v1/{signal}");
    let logs = LogExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
    let logs = logs.with_endpoint(url("logs")).with_timeout(Duration::from_secs(60));
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(2 * BATCH)
        .with_max_export_batch_size(BATCH)
        .with_scheduled_delay(Duration::from_millis(10));
    let logs = BatchLogProcessor::builder(Counted(logs.build().unwrap(), tally));
    let logs = logs.with_batch_config(config.build()).build();
    let metrics = MetricExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
    let metrics = metrics.with_endpoint(url("metrics")).with_timeout(Duration::from_secs(60));
    let metrics = PeriodicReader::builder(metrics.build().unwrap());
    let metrics = metrics.with_interval(Duration::from_millis(20)).build();
    (
        SdkLoggerProvider::builder().with_log_processor(logs).build(),
        SdkMeterProvider::builder().with_reader(metrics).build(),
    )
}

async fn calls(callbacks: &Callbacks) {
    for _ in 0..CALLS {
        let mut model = CallbackLayer::new(callbacks).layer(ScriptedModel::new(answer()));
        let answer = model.ready().await.unwrap().call(chat_request()).await.unwrap();
        let (chunks, error) = read(answer).await;
        assert!(chunks.len() == 7 && error.is_none(), "{chunks:?} {error:?}");
    }
}

async fn calls_go_on(outage: State) {
    tokio::time::timeout(3 * PATIENCE, calls_in(outage)).await.expect("an export hangs");
}

async fn calls_in(outage: State) {
    support::log::start();
    let receiver = Receiver::default();
    let line = Line::to(&receiver.serve().await).await;
    let (address, tally) = (line.address, Tally::default());
    // Reqwest's blocking client cannot be built in an async context.
    let made = tally.clone();
    let (loggers, meters) =
        tokio::task::spawn_blocking(move || providers(address, made)).await.unwrap();
    let spans = OtelSpans::builder().logger_provider(loggers.clone()).content(OtelContent::Event);
    let metrics = OtelMetrics::builder().meter_provider(meters.clone()).build();
    let faults = Faults::default();
    let callbacks = Callbacks::new().on_fault(faults.hook());
    let callbacks = callbacks.inline(spans.build()).inline(metrics);

    calls(&callbacks).await;
    until(|| tally.get().0 >= BATCH && !receiver.metrics().is_empty()).await;
    let (connections, before) = (line.connections.load(Ordering::Relaxed), tally.get());
    line.state.send(outage).unwrap();
    let begun = Instant::now();
    calls(&callbacks).await;
    match outage {
        // Both exporters wait for an answer, and nothing waits for them.
        State::Silent => {
            until(|| line.connections.load(Ordering::Relaxed) >= connections + 2).await;
            let stuck = tally.get();
            calls(&callbacks).await;
            assert_eq!(tally.get(), stuck);
        }
        // As long as the export of each batch would have taken twice.
        State::Slow => {
            let elapsed = begun.elapsed();
            assert!(elapsed < PAUSE * (CALLS / BATCH / 2) as u32, "{elapsed:?}");
        }
        _ => until(|| tally.get().1 > before.1).await,
    }
    line.state.send(State::Open).unwrap();
    calls(&callbacks).await;
    faults.none();
    let shut_down = tokio::task::spawn_blocking(move || {
        loggers.shutdown().unwrap();
        meters.shutdown().unwrap();
        (loggers, meters)
    });
    let providers = shut_down.await.unwrap();

    let calls_made = if outage == State::Silent { 4 * CALLS } else { 3 * CALLS };
    let (sent, failed) = tally.get();
    let dropped = calls_made - sent - failed;
    // A request that broke off may have arrived, and one whose connection was closed may have been repeated.
    let received = receiver.logs();
    let received = received.iter().map(|log| format!("{log:?}")).collect::<HashSet<_>>().len();
    assert!((sent..=sent + failed).contains(&received), "{received} of {sent} and {failed}");
    let logged = support::log::all();
    if dropped > 0 {
        let counted = format!("dropped_logs_count={dropped} ");
        assert!(logged.contains(&counted), "{outage:?}: the SDK does not log {counted}");
    }
    if failed > 0 {
        assert!(logged.contains("BatchLogProcessor.ExportError"));
    }
    assert!(failed + dropped > 0, "{outage:?}: nothing is lost");
    // Metrics are sums: the last ones have what the lost ones had.
    let mut metrics = receiver.metrics();
    metrics.retain(|metric| metric.name == "gen_ai.client.operation.duration");
    let Some(Data::Histogram(last)) = metrics.pop().unwrap().data else { panic!() };
    let count: u64 = last.data_points.iter().map(|point| point.count).sum();
    assert_eq!(count, calls_made as u64, "{outage:?}");
    // After the shutdown too.
    calls(&callbacks).await;
    faults.none();
    drop(providers);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_refuses_connections() {
    calls_go_on(State::Closed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_receiver() {
    calls_go_on(State::Slow).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_does_not_answer() {
    calls_go_on(State::Silent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_gone_in_the_middle() {
    calls_go_on(State::Broken).await;
}
