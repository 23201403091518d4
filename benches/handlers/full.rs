//! Handlers that are used together, compared with the layer without handlers: CPU time of the whole process per
//! token, including exporters and the handlers' threads.

use std::io;

use futures::StreamExt;
use opentelemetry_sdk::{
    metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider},
    trace::{InMemorySpanExporter, SdkTracerProvider},
};
use tokio::runtime::Builder;
use tower::{BoxError, Layer, Service, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Usage,
    chat::{ChatChunk, ChatRequest},
    handlers::{
        ConsoleTarget, ConsoleTokens, JsonLines, LlmMetrics, OtelMetrics, OtelSpans, TracingSpans,
        UsageTotals,
    },
};

use harness::{Bound, Cost, Row, compare, cpu_time};

const ROUNDS: usize = 9;

/// A typical length of an answer.
const TOKENS: usize = 500;

fn cost(callbacks: &Callbacks, calls: usize) -> Cost {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let model = service_fn(|_: ChatRequest| async {
        let tokens = (0..TOKENS).map(|_| ChatChunk::text(" token"));
        let usage = ChatChunk::Usage { usage: Usage::new(10, 500), raw: None };
        let end = [usage, ChatChunk::finish("stop"), ChatChunk::Done];
        let chunks = tokens.chain(end).map(Ok::<_, BoxError>);
        Ok::<_, BoxError>(futures::stream::iter(chunks))
    });
    let mut model = CallbackLayer::new(callbacks.clone()).layer(model);
    let request = ChatRequest::new("gpt-4o").max_tokens(500).user("Write a long joke");
    let start = cpu_time();
    runtime.block_on(async {
        for _ in 0..calls {
            let mut answer = model.call(request.clone()).await.expect("the model does not fail");
            while let Some(chunk) = answer.next().await {
                std::hint::black_box(chunk.expect("no error"));
            }
        }
        let flushed = callbacks.flush(std::time::Duration::from_secs(20)).await;
        assert!(flushed.is_complete());
    });
    (cpu_time() - start).as_nanos() as f64 / (calls * TOKENS) as f64
}

pub(crate) fn rows(scale: usize) -> Vec<bool> {
    let calls = (400 / scale).max(1);
    let spans = SdkTracerProvider::builder().with_batch_exporter(InMemorySpanExporter::default());
    let spans = OtelSpans::builder().tracer_provider(spans.build()).build();
    let reader = PeriodicReader::builder(InMemoryMetricExporter::default()).build();
    let meters = SdkMeterProvider::builder().with_reader(reader).build();
    let metrics = OtelMetrics::builder().meter_provider(meters).build();
    let lines = || JsonLines::new(io::sink());
    let sink = || ConsoleTarget::new(io::sink());
    let rows = [
        ("`JsonLines`, blocking", (f64::INFINITY, Callbacks::new().blocking(lines()))),
        (
            "`ConsoleTokens`, blocking",
            (f64::INFINITY, Callbacks::new().blocking(ConsoleTokens::new(sink()))),
        ),
        (
            "`LlmMetrics`, inline (no recorder)",
            (f64::INFINITY, Callbacks::new().inline(LlmMetrics::new())),
        ),
        (
            "`TracingSpans`, inline (no subscriber)",
            (f64::INFINITY, Callbacks::new().inline(TracingSpans::new())),
        ),
        (
            "OpenTelemetry's spans and metrics, `UsageTotals` and `JsonLines`",
            (
                2_000.0,
                Callbacks::new()
                    .inline(spans)
                    .inline(metrics)
                    .inline(UsageTotals::builder().by_model().build())
                    .blocking(lines()),
            ),
        ),
    ];
    let no_handlers = Callbacks::new();
    let mut met = Vec::new();
    for (name, (more_ns, callbacks)) in rows {
        let bound = if more_ns.is_finite() {
            Bound { ratio: 1.0, more_ns }
        } else {
            Bound::ratio(f64::INFINITY)
        };
        let name = format!("{name}, a token (CPU time)").leak();
        let row = Row { name, baseline: "the layer without handlers", bound };
        met.push(compare(&row, ROUNDS, || cost(&no_handlers, calls), || cost(&callbacks, calls)));
    }
    met
}
