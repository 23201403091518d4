//! OTLP export to a receiver on loopback.

use opentelemetry_otlp::{LogExporter, MetricExporter, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_proto::tonic::{
    common::v1::any_value::Value, metrics::v1::metric::Data, trace::v1::span::SpanKind,
};
use opentelemetry_sdk::{
    logs::SdkLoggerProvider,
    metrics::{PeriodicReader, SdkMeterProvider},
    trace::SdkTracerProvider,
};
use support::read;
use tower::{Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks,
    handlers::{OtelContent, OtelMetrics, OtelSpans},
    testing::ScriptedModel,
};

use crate::{
    receiver::{Receiver, text, value},
    typed_calls::{answer, chat_request},
};

struct Exporters(SpanExporter, MetricExporter, LogExporter);

fn grpc(url: &str) -> Exporters {
    Exporters(
        SpanExporter::builder().with_tonic().with_endpoint(url).build().unwrap(),
        MetricExporter::builder().with_tonic().with_endpoint(url).build().unwrap(),
        LogExporter::builder().with_tonic().with_endpoint(url).build().unwrap(),
    )
}

fn http(url: &str) -> Exporters {
    let _ = rustls::crypto::ring::default_provider().install_default();
    macro_rules! exporter {
        ($exporter:ident, $path:literal) => {
            $exporter::builder()
                .with_http()
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(format!("{url}/v1/{}", $path))
                .build()
                .unwrap()
        };
    }
    Exporters(
        exporter!(SpanExporter, "traces"),
        exporter!(MetricExporter, "metrics"),
        exporter!(LogExporter, "logs"),
    )
}

async fn exports_all_signals(exporters: fn(&str) -> Exporters) {
    let receiver = Receiver::default();
    let url = receiver.serve().await;
    // Reqwest's blocking client cannot be built in an async context.
    let handle = tokio::runtime::Handle::current();
    let made = tokio::task::spawn_blocking(move || {
        let _runtime = handle.enter();
        let Exporters(spans, metrics, logs) = exporters(&url);
        let reader = PeriodicReader::builder(metrics).build();
        (
            SdkTracerProvider::builder().with_batch_exporter(spans).build(),
            SdkMeterProvider::builder().with_reader(reader).build(),
            SdkLoggerProvider::builder().with_batch_exporter(logs).build(),
        )
    });
    let (tracers, meters, loggers) = made.await.unwrap();
    let spans = OtelSpans::builder()
        .tracer_provider(tracers.clone())
        .logger_provider(loggers.clone())
        .content(OtelContent::Both)
        .build();
    let metrics = OtelMetrics::builder().meter_provider(meters.clone()).build();
    let callbacks = Callbacks::new().inline(spans).inline(metrics);
    for _ in 0..3 {
        let mut model = CallbackLayer::new(callbacks.clone()).layer(ScriptedModel::new(answer()));
        read(model.ready().await.unwrap().call(chat_request()).await.unwrap()).await;
    }
    tokio::task::spawn_blocking(move || {
        tracers.shutdown().unwrap();
        meters.shutdown().unwrap();
        loggers.shutdown().unwrap();
    })
    .await
    .unwrap();

    let spans = receiver.spans();
    assert_eq!(spans.len(), 3);
    for span in &spans {
        assert_eq!((&*span.name, span.kind()), ("chat claude-haiku-4-5", SpanKind::Client));
        let attribute = |key| value(&span.attributes, key);
        assert_eq!(attribute("gen_ai.provider.name"), Some(&text("anthropic")));
        assert_eq!(attribute("gen_ai.usage.input_tokens"), Some(&Value::IntValue(100)));
        assert!(matches!(attribute("gen_ai.response.finish_reasons"), Some(Value::ArrayValue(_))));
        let Some(Value::StringValue(output)) = attribute("gen_ai.output.messages") else {
            panic!()
        };
        assert!(output.contains("Hello"), "{output}");
        assert!(span.end_time_unix_nano > span.start_time_unix_nano);
    }
    let logs = receiver.logs();
    assert_eq!(logs.len(), 3);
    for log in &logs {
        assert_eq!(log.event_name, "gen_ai.client.inference.operation.details");
        assert!(spans.iter().any(|span| span.span_id == log.span_id));
        let output = value(&log.attributes, "gen_ai.output.messages");
        assert!(matches!(output, Some(Value::ArrayValue(_))), "structured: {output:?}");
    }
    let mut names = Vec::new();
    for metric in receiver.metrics() {
        let Some(Data::Histogram(histogram)) = metric.data else { panic!("{metric:?}") };
        let counts = histogram.data_points.iter().map(|point| point.count);
        assert_eq!(histogram.data_points[0].explicit_bounds.len(), 14);
        assert!(counts.sum::<u64>() >= 3, "{}", metric.name);
        names.push(metric.name);
    }
    names.sort();
    assert_eq!(
        names,
        [
            "gen_ai.client.operation.duration",
            "gen_ai.client.operation.time_per_output_chunk",
            "gen_ai.client.operation.time_to_first_chunk",
            "gen_ai.client.token.usage",
        ],
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn export_over_grpc() {
    exports_all_signals(grpc).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn export_over_http() {
    exports_all_signals(http).await;
}
