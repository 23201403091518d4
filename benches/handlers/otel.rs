//! OpenTelemetry spans and metrics, inline, with the SDK and exporters that do nothing.

use std::{convert::Infallible, future::ready, hint::black_box};

use futures::{StreamExt, stream};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider},
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};
use tokio::runtime::Builder;
use tower::{Layer, Service, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Usage,
    chat::{ChatChunk, ChatRequest},
    handlers::{OtelMetrics, OtelSpans},
    on_llm_new_token,
};

use harness::{Bound, Cost, Row, compare, per_token};

const ROUNDS: usize = 25;

#[derive(Debug)]
struct NullExporter;

impl SpanExporter for NullExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        black_box(batch.len());
        Ok(())
    }
}

/// Makes calls with a number of tokens each. Returns the total cost divided by `per`.
fn cost(callbacks: &Callbacks, calls: usize, tokens: usize, per: usize) -> Cost {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let inner = service_fn(move |_: ChatRequest| {
        let chunks = (0..tokens).map(|_| ChatChunk::text(" token"));
        let usage = ChatChunk::Usage { usage: Usage::new(10, 20), raw: None };
        let end = [usage, ChatChunk::finish("stop"), ChatChunk::Done];
        ready(Ok::<_, Infallible>(stream::iter(chunks.chain(end).map(Ok::<_, Infallible>))))
    });
    let mut service = CallbackLayer::new(callbacks.clone()).layer(inner);
    let request = ChatRequest::new("gpt-4o").max_tokens(100).user("Hi");
    per_token(per, || {
        runtime.block_on(async {
            for _ in 0..calls {
                let answer = service.call(request.clone()).await;
                let Ok(answer) = answer else { unreachable!("the model does not fail") };
                black_box(answer.count().await);
            }
        });
    })
}

pub(crate) fn rows(scale: usize) -> Vec<bool> {
    let tracers = SdkTracerProvider::builder().with_batch_exporter(NullExporter).build();
    let reader = PeriodicReader::builder(InMemoryMetricExporter::default()).build();
    let meters = SdkMeterProvider::builder().with_reader(reader).build();
    let spans = OtelSpans::builder().tracer_provider(tracers).build();
    let metrics = || OtelMetrics::builder().meter_provider(meters.clone());
    let count = Callbacks::new().inline(on_llm_new_token(|_run, token| {
        black_box(token.text().len());
    }));
    let sets = [
        ("spans", count.clone().inline(spans.clone())),
        ("metrics, without chunk times", {
            count.clone().inline(metrics().chunk_times(false).build())
        }),
        ("metrics", count.clone().inline(metrics().build())),
        ("spans and metrics", count.clone().inline(spans).inline(metrics().build())),
    ];
    let mut met = Vec::new();
    for (unit, calls, tokens) in [("token", 1, 100_000 / scale), ("call", 2_000 / scale, 1)] {
        let per = if unit == "token" { tokens } else { calls };
        for (name, callbacks) in &sets {
            let row = Row {
                name: format!("otel: {name}, a {unit}").leak(),
                baseline: "one inline handler that counts",
                bound: Bound::ratio(f64::INFINITY),
            };
            let cost = |callbacks| cost(callbacks, calls, tokens, per);
            met.push(compare(&row, ROUNDS, || cost(&count), || cost(callbacks)));
        }
    }
    met
}
