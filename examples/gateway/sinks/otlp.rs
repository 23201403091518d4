use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use opentelemetry_otlp::{
    LogExporter, MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::{
    Resource,
    logs::{self, BatchLogProcessor, SdkLoggerProvider},
    metrics::{PeriodicReader, SdkMeterProvider},
    trace::{self, BatchSpanProcessor, SdkTracerProvider},
};
use tower_llm_callbacks::{
    Callbacks, Registration,
    handlers::{OtelMetrics, OtelSpans},
};

use super::{Bounded, Counted, ExportClient, Queue, Signal, SignalStatus};
use crate::config::{OtlpSettings, Problem, SinkSettings};

/// Spans, metrics and logs that are exported by OTLP. Exporters have threads of their own: calls never wait for them.
#[derive(Debug)]
pub(super) struct Otlp {
    client: Arc<ExportClient>,
    spans: SdkTracerProvider,
    metrics: SdkMeterProvider,
    logs: SdkLoggerProvider,
    /// The handler, as long as calls in flight or the settings have it.
    handler: OnceLock<Weak<OtelSpans>>,
}

impl Otlp {
    /// Starts the exporters. Must be called in a runtime.
    pub(super) fn start(settings: &OtlpSettings, key: &str) -> Result<Self, Problem> {
        let headers = settings.headers(key)?;
        let headers: HashMap<String, String> = headers.into_iter().collect();
        let client = Arc::new(ExportClient::new());
        let base = settings.endpoint.trim_end_matches('/');
        macro_rules! exporter {
            ($exporter:ident, $signal:literal) => {
                $exporter::builder()
                    .with_http()
                    .with_protocol(Protocol::HttpBinary)
                    .with_endpoint(format!("{base}/v1/{}", $signal))
                    .with_headers(headers.clone())
                    .with_shared_http_client(client.clone())
                    .build()
                    .map_err(|error| Problem::new(key, error))?
            };
        }
        let resource = Resource::builder().with_service_name(settings.service.clone()).build();
        let reader = PeriodicReader::builder(exporter!(MetricExporter, "metrics")).build();
        let spans = Queue::new(
            Signal::Traces,
            &client,
            trace::OTEL_BSP_MAX_QUEUE_SIZE,
            trace::OTEL_BSP_MAX_QUEUE_SIZE_DEFAULT,
        );
        let processor = BatchSpanProcessor::new(
            counted(exporter!(SpanExporter, "traces"), &spans),
            trace::BatchConfigBuilder::default().with_max_queue_size(spans.length).build(),
        );
        let spans = Bounded { processor, queue: spans };
        let logs = Queue::new(
            Signal::Logs,
            &client,
            logs::OTEL_BLRP_MAX_QUEUE_SIZE,
            logs::OTEL_BLRP_MAX_QUEUE_SIZE_DEFAULT,
        );
        let batches = logs::BatchConfigBuilder::default().with_max_queue_size(logs.length).build();
        let processor = BatchLogProcessor::builder(counted(exporter!(LogExporter, "logs"), &logs))
            .with_batch_config(batches)
            .build();
        let logs = Bounded { processor, queue: logs };
        Ok(Self {
            spans: SdkTracerProvider::builder()
                .with_resource(resource.clone())
                .with_span_processor(spans)
                .build(),
            metrics: SdkMeterProvider::builder()
                .with_resource(resource.clone())
                .with_reader(reader)
                .build(),
            logs: SdkLoggerProvider::builder()
                .with_resource(resource)
                .with_log_processor(logs)
                .build(),
            client,
            handler: OnceLock::new(),
        })
    }

    /// Returns the handlers. What is sampled are the spans: metrics count all calls.
    pub(super) fn handlers(&self, settings: &SinkSettings, otlp: &OtlpSettings) -> Callbacks {
        let spans = OtelSpans::builder()
            .tracer_provider(self.spans.clone())
            .logger_provider(self.logs.clone())
            .conventions(otlp.conventions())
            .content(otlp.messages())
            .metadata(["tenant"]);
        let spans = otlp.profiles().fold(spans, |spans, profile| spans.profile(profile)).build();
        let spans = Arc::new(spans);
        self.handler.get_or_init(|| Arc::downgrade(&spans));
        let spans = match settings.gets_everything() {
            true => Registration::inline(spans),
            false => Registration::inline(settings.adapt(spans)),
        };
        let metrics = OtelMetrics::builder()
            .meter_provider(self.metrics.clone())
            .conventions(otlp.conventions())
            .metadata("tenant")
            .build();
        let metrics = Registration::inline(metrics).name(format!("otlp metrics {}", otlp.endpoint));
        Callbacks::new().add(spans.name(format!("otlp spans {}", otlp.endpoint))).add(metrics)
    }

    pub(super) fn is_failing(&self) -> bool {
        self.client.signals.are_failing()
    }

    pub(super) fn status(&self) -> BTreeMap<&'static str, SignalStatus> {
        self.client.signals.status()
    }

    /// Returns whether there may be further spans.
    pub(super) fn is_used(&self) -> bool {
        self.handler.get().is_some_and(|handler| handler.strong_count() > 0)
    }

    /// Exports what there is, and ends the exporters.
    pub(super) async fn shut_down(&self, deadline: Duration) {
        let (spans, metrics, logs) = (self.spans.clone(), self.metrics.clone(), self.logs.clone());
        // These block, and what they export is sent by the runtime.
        let shut_down = tokio::task::spawn_blocking(move || {
            let spans = spans.shutdown_with_timeout(deadline);
            let metrics = metrics.shutdown_with_timeout(deadline);
            spans.and(metrics).and(logs.shutdown_with_timeout(deadline))
        });
        match tokio::time::timeout(deadline, shut_down).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => eprintln!("OTLP: not everything was exported: {error}"),
            _ => eprintln!("OTLP: not everything was exported in time"),
        }
    }
}

fn counted<E>(exporter: E, queue: &Arc<Queue>) -> Counted<E> {
    Counted { exporter, queue: Arc::clone(queue) }
}
