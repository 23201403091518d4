//! Exporters that are down, slow or failing do not affect calls. The SDK counts the spans it drops.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    error::{OTelSdkError, OTelSdkResult},
    trace::{
        BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider, SpanData,
        SpanExporter as Exporter,
    },
};
use support::{Faults, read};
use tower::{Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks,
    chat::ChatRequest,
    handlers::OtelSpans,
    testing::{Script, ScriptedModel},
};

const CALLS: usize = 200;

#[derive(Debug, Clone)]
struct Bad {
    pause: Duration,
    got: Arc<AtomicUsize>,
}

impl Exporter for Bad {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        std::thread::sleep(self.pause);
        self.got.fetch_add(batch.len(), Ordering::Relaxed);
        Err(OTelSdkError::InternalFailure("scripted".to_owned()))
    }
}

/// Makes calls. Returns the duration of the longest.
async fn calls(spans: &OtelSpans) -> Duration {
    let faults = Faults::default();
    let callbacks = Callbacks::new().on_fault(faults.hook()).inline(spans.clone());
    let mut longest = Duration::ZERO;
    for _ in 0..CALLS {
        let start = Instant::now();
        let model = ScriptedModel::new(Script::answer(["Hel", "lo"]));
        let mut model = CallbackLayer::new(callbacks.clone()).layer(model);
        let request = ChatRequest::new("gpt-4o").user("Hi");
        let (chunks, error) = read(model.ready().await.unwrap().call(request).await.unwrap()).await;
        assert!(chunks.len() == 4 && error.is_none());
        longest = longest.max(start.elapsed());
    }
    faults.none();
    assert_eq!(spans.open_runs(), 0);
    longest
}

fn batched(exporter: impl Exporter + 'static, queue: usize) -> SdkTracerProvider {
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(queue)
        .with_max_export_batch_size(queue.min(8))
        .with_scheduled_delay(Duration::from_millis(10))
        .build();
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
    SdkTracerProvider::builder().with_span_processor(processor).build()
}

#[tokio::test]
async fn a_slow_and_failing_exporter_delays_no_call() {
    support::log::start();
    let got = Arc::new(AtomicUsize::new(0));
    let provider = batched(Bad { pause: Duration::from_millis(400), got: Arc::clone(&got) }, 16);
    let spans = OtelSpans::builder().tracer_provider(provider.clone()).build();
    let start = Instant::now();
    let longest = calls(&spans).await;
    // A call that waited for the exporter would take at least as long.
    assert!(longest < Duration::from_millis(350), "{longest:?}");
    assert!(start.elapsed() < Duration::from_millis(400) * (CALLS / 16) as u32);
    let _ = tokio::task::spawn_blocking(move || provider.shutdown()).await.unwrap();
    let exported = got.load(Ordering::Relaxed);
    assert!(exported < CALLS, "some spans were dropped");
    let logged = support::log::all();
    let counted = format!("dropped_span_count={}", CALLS - exported);
    assert!(logged.contains(&counted), "the SDK logs the number of dropped spans: {counted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_exporter_delays_no_call() {
    // The port is closed again.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(format!("http://127.0.0.1:{port}"))
        .with_timeout(Duration::from_millis(200))
        .build()
        .unwrap();
    let provider = batched(exporter, 16);
    let spans = OtelSpans::builder().tracer_provider(provider.clone()).build();
    let longest = calls(&spans).await;
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    let _ = tokio::task::spawn_blocking(move || provider.shutdown()).await.unwrap();
    // After the shutdown too.
    calls(&spans).await;
}
