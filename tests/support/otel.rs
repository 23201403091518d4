//! Both handlers with the SDK's in-memory exporters, and the exported data as JSON.

use std::{collections::BTreeMap, time::SystemTime};

use opentelemetry::{
    Array, SpanId, TraceId, Value as Attribute,
    logs::AnyValue,
    trace::{SpanKind, Status},
};
use opentelemetry_sdk::{
    logs::{InMemoryLogExporter, SdkLoggerProvider},
    metrics::{
        InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
        data::{AggregatedMetrics, MetricData},
    },
    trace::{InMemorySpanExporter, InMemorySpanExporterBuilder, SdkTracerProvider, SpanData},
};
use serde_json::{Map, Value, json};
use tower_llm_callbacks::{
    Callbacks,
    handlers::{OtelContent, OtelMetrics, OtelSpans, SemanticConventions},
};

pub struct Otel {
    pub spans: OtelSpans,
    pub metrics: OtelMetrics,
    pub tracer_provider: SdkTracerProvider,
    meter_provider: SdkMeterProvider,
    span_exporter: InMemorySpanExporter,
    metric_exporter: InMemoryMetricExporter,
    log_exporter: InMemoryLogExporter,
}

/// Settings that a test may change.
#[derive(Default, Clone, Copy)]
pub struct With {
    pub conventions: SemanticConventions,
    pub content: OtelContent,
    pub without_logs: bool,
    pub max_models: Option<usize>,
    pub max_runs: Option<usize>,
    /// A key of the metadata that metrics have.
    pub metadata: Option<&'static str>,
}

impl Otel {
    pub fn new() -> Self {
        Self::with(With::default())
    }

    pub fn with(with: With) -> Self {
        let span_exporter = InMemorySpanExporterBuilder::new().build();
        let metric_exporter = InMemoryMetricExporter::default();
        let log_exporter = InMemoryLogExporter::default();
        let tracer_provider =
            SdkTracerProvider::builder().with_simple_exporter(span_exporter.clone()).build();
        let reader = PeriodicReader::builder(metric_exporter.clone()).build();
        let meter_provider = SdkMeterProvider::builder().with_reader(reader).build();
        let logger_provider =
            SdkLoggerProvider::builder().with_simple_exporter(log_exporter.clone()).build();
        let mut spans = OtelSpans::builder()
            .tracer_provider(tracer_provider.clone())
            .conventions(with.conventions)
            .content(with.content);
        if !with.without_logs {
            spans = spans.logger_provider(logger_provider);
        }
        if let Some(runs) = with.max_runs {
            spans = spans.max_runs(runs);
        }
        let mut metrics = OtelMetrics::builder()
            .meter_provider(meter_provider.clone())
            .conventions(with.conventions);
        if let Some(models) = with.max_models {
            metrics = metrics.max_models(models);
        }
        if let Some(key) = with.metadata {
            metrics = metrics.metadata(key);
        }
        Self {
            spans: spans.build(),
            metrics: metrics.build(),
            tracer_provider,
            meter_provider,
            span_exporter,
            metric_exporter,
            log_exporter,
        }
    }

    pub fn callbacks(&self) -> Callbacks {
        Callbacks::new().inline(self.spans.clone()).inline(self.metrics.clone())
    }

    /// Returns the ended spans, in the order of their ends.
    pub fn ended(&self) -> Vec<Span> {
        self.span_exporter.get_finished_spans().unwrap().iter().map(Span::of).collect()
    }

    /// Returns the only span.
    #[track_caller]
    pub fn span(&self) -> Span {
        let mut spans = self.ended();
        assert_eq!(spans.len(), 1, "{spans:#?}");
        assert_eq!(self.spans.open_runs(), 0);
        spans.remove(0)
    }

    #[track_caller]
    pub fn named(&self, name: &str) -> Span {
        let spans = self.ended();
        let found = spans.iter().find(|span| span.name == name);
        found.unwrap_or_else(|| panic!("{name} in {spans:#?}")).clone()
    }

    /// Returns the log records.
    pub fn logs(&self) -> Vec<Log> {
        let logs = self.log_exporter.get_emitted_logs().unwrap();
        let logs = logs.into_iter().map(|data| {
            let record = &data.record;
            let attributes = record.attributes_iter();
            let context = record.trace_context().unwrap();
            Log {
                name: record.event_name().unwrap(),
                severity: record.severity_text().unwrap(),
                span: (context.trace_id, context.span_id),
                time: record.timestamp().unwrap(),
                attributes: attributes
                    .map(|(key, value)| (key.to_string(), any_json(value)))
                    .collect(),
            }
        });
        logs.collect()
    }

    /// Returns the metrics by name.
    pub fn measured(&self) -> BTreeMap<String, Metric> {
        self.metric_exporter.reset();
        self.meter_provider.force_flush().unwrap();
        let all = self.metric_exporter.get_finished_metrics().unwrap();
        let scopes = all.iter().flat_map(|resource| resource.scope_metrics());
        let metrics = scopes.flat_map(|scope| {
            assert_eq!(scope.scope().name(), "tower-llm-callbacks");
            scope.metrics()
        });
        metrics.map(|metric| (metric.name().to_owned(), Metric::of(metric))).collect()
    }

    /// Returns everything that left the process.
    pub fn everything(&self) -> String {
        let spans = self.span_exporter.get_finished_spans().unwrap();
        let logs = self.log_exporter.get_emitted_logs().unwrap();
        let metrics = self.measured();
        format!("{spans:?} {logs:?} {metrics:?} {:?} {:?}", self.spans, self.metrics)
    }
}

#[derive(Debug, Clone)]
pub struct Span {
    pub name: String,
    pub kind: SpanKind,
    pub trace: TraceId,
    pub id: SpanId,
    pub parent: SpanId,
    pub parent_is_remote: bool,
    pub sampled: bool,
    pub start: SystemTime,
    pub end: SystemTime,
    pub attributes: Map<String, Value>,
    pub events: Vec<(String, Map<String, Value>)>,
    pub status: Status,
    pub scope: (String, Option<String>),
}

impl Span {
    fn of(data: &SpanData) -> Self {
        let attributes = |all: &[opentelemetry::KeyValue]| {
            let map: Map<String, Value> =
                all.iter().map(|it| (it.key.to_string(), json_of(&it.value))).collect();
            assert_eq!(map.len(), all.len(), "an attribute comes twice: {all:?}");
            map
        };
        let scope = &data.instrumentation_scope;
        Self {
            name: data.name.to_string(),
            kind: data.span_kind.clone(),
            trace: data.span_context.trace_id(),
            id: data.span_context.span_id(),
            parent: data.parent_span_id,
            parent_is_remote: data.parent_span_is_remote,
            sampled: data.span_context.is_sampled(),
            start: data.start_time,
            end: data.end_time,
            attributes: attributes(&data.attributes),
            events: data
                .events
                .iter()
                .map(|event| (event.name.to_string(), attributes(&event.attributes)))
                .collect(),
            status: data.status.clone(),
            scope: (scope.name().to_owned(), scope.schema_url().map(Into::into)),
        }
    }

    /// Compares all attributes but those of the run, and the time to the first chunk, which is present only if `streamed`.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
    pub fn has(&self, streamed: bool, expected: Value) {
        let mut attributes = self.attributes.clone();
        attributes.retain(|key, _| !key.starts_with("run."));
        let first = attributes.remove("gen_ai.response.time_to_first_chunk");
        assert_eq!(first.as_ref().is_some_and(Value::is_f64), streamed, "{first:?}");
        assert_eq!(Value::from(attributes), expected);
    }

    pub fn is_below(&self, parent: &Span) -> bool {
        self.parent == parent.id && self.trace == parent.trace
    }

    pub fn json(&self, key: &str) -> Value {
        let text = self.attributes.get(key).unwrap_or_else(|| panic!("{key} in {self:#?}"));
        serde_json::from_str(text.as_str().unwrap()).unwrap()
    }
}

#[derive(Debug)]
pub struct Log {
    pub name: &'static str,
    pub severity: &'static str,
    pub span: (TraceId, SpanId),
    pub time: SystemTime,
    pub attributes: Map<String, Value>,
}

#[derive(Debug, Clone)]
pub struct Metric {
    pub unit: String,
    pub bounds: Vec<f64>,
    pub points: Vec<Point>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub attributes: Value,
    pub count: u64,
    pub sum: f64,
}

impl Metric {
    fn of(metric: &opentelemetry_sdk::metrics::data::Metric) -> Self {
        let mut bounds = Vec::new();
        let attributes = |all: &mut dyn Iterator<Item = &opentelemetry::KeyValue>| {
            Value::from(
                all.map(|it| (it.key.to_string(), json_of(&it.value))).collect::<Map<_, _>>(),
            )
        };
        macro_rules! points {
            ($data:expr) => {
                match $data {
                    MetricData::Histogram(histogram) => {
                        let point =
                            |point: &opentelemetry_sdk::metrics::data::HistogramDataPoint<_>| {
                                bounds = point.bounds().collect();
                                Point {
                                    attributes: attributes(&mut point.attributes()),
                                    count: point.count(),
                                    sum: point.sum() as f64,
                                }
                            };
                        histogram.data_points().map(point).collect()
                    }
                    MetricData::Sum(sum) => {
                        assert!(sum.is_monotonic());
                        let point =
                            |point: &opentelemetry_sdk::metrics::data::SumDataPoint<_>| Point {
                                attributes: attributes(&mut point.attributes()),
                                count: 0,
                                sum: point.value() as f64,
                            };
                        sum.data_points().map(point).collect()
                    }
                    other => panic!("{other:?}"),
                }
            };
        }
        let mut points: Vec<Point> = match metric.data() {
            AggregatedMetrics::F64(data) => points!(data),
            AggregatedMetrics::U64(data) => points!(data),
            other => panic!("{other:?}"),
        };
        points.sort_by_key(|point| point.attributes.to_string());
        Self { unit: metric.unit().to_owned(), bounds, points }
    }

    /// Returns the only point.
    #[track_caller]
    pub fn point(&self) -> &Point {
        assert_eq!(self.points.len(), 1, "{self:#?}");
        &self.points[0]
    }
}

fn json_of(value: &Attribute) -> Value {
    match value {
        Attribute::Bool(flag) => json!(flag),
        Attribute::I64(integer) => json!(integer),
        Attribute::F64(number) => json!(number),
        Attribute::String(text) => json!(text.as_str()),
        Attribute::Array(Array::String(texts)) => {
            texts.iter().map(|text| json!(text.as_str())).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn any_json(value: &AnyValue) -> Value {
    match value {
        AnyValue::Int(integer) => json!(integer),
        AnyValue::Double(number) => json!(number),
        AnyValue::String(text) => json!(text.as_str()),
        AnyValue::Boolean(flag) => json!(flag),
        AnyValue::ListAny(values) => values.iter().map(any_json).collect(),
        AnyValue::Map(members) => members
            .iter()
            .map(|(key, value)| (key.to_string(), any_json(value)))
            .collect::<Map<_, _>>()
            .into(),
        other => panic!("{other:?}"),
    }
}

impl Default for Otel {
    fn default() -> Self {
        Self::new()
    }
}
