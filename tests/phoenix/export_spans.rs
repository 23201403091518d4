//! Makes runs, exports their spans by OTLP over HTTP, and writes their records to a file: for `.ci/phoenix.py`.
//!
//! `export_spans RUNS URL FILE PROJECT [openinference]`

use std::{error::Error, time::Duration};

use opentelemetry::KeyValue;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider},
};
use serde_json::json;
use support::read;
use tower::{BoxError, Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delta, ProviderError, RunConfig, RunLayer, Usage,
    chat::ChatRequest,
    handlers::{JsonLines, OtelContent, OtelProfile, OtelSpans, Prices},
    testing::{Script, ScriptedModel},
};

fn script(nth: u64) -> Script {
    let script = Script::new().respond().text("It rains").pause(Duration::from_millis(nth % 7));
    let script = script.chunk(Delta::usage(Usage::new(100 + nth, 7 + nth % 50)));
    match nth % 10 {
        // Cancelled below.
        0..3 => script.hang(),
        3 => script.provider_error(ProviderError::new("overloaded").status(529)),
        4 => script.fail("connection reset"),
        5 => script
            .chunk(Delta::tool_call(0, "call_1", "weather", r#"{"city":"Paris"}"#))
            .complete("tool_calls"),
        _ => script.complete("stop"),
    }
}

/// A tree: a chain with a model call, and a tool for each second one.
async fn tree(nth: u64, callbacks: Callbacks) {
    let config = RunConfig::new()
        .callbacks(&callbacks)
        .tags(["check"])
        .metadata("session_id", format!("s-{}", nth % 40))
        .metadata("tenant", format!("t-{}", nth % 5));
    let agent = RunLayer::chain("agent");
    // The run starts in this call.
    let run = config.sync_scope(|| {
        agent.run(async {
            let mut model = CallbackLayer::new(Callbacks::new())
                .prices(Prices::bundled())
                .layer(ScriptedModel::new(script(nth)));
            let request =
                ChatRequest::new("gpt-4o").system("Be brief").user(format!("Question {nth}"));
            let answer = model.ready().await?.call(request).await?;
            let wait = Duration::from_millis(if nth % 10 < 3 { 20 } else { 10_000 });
            // Dropped midway, if it hangs.
            let _ = tokio::time::timeout(wait, read(answer)).await;
            if nth.is_multiple_of(2) {
                let tool = RunLayer::tool("weather").input(|(): &()| json!({"city": "Paris"}));
                tool.run(async { Ok::<_, BoxError>("wet") }).await?;
            }
            Ok::<_, BoxError>(())
        })
    });
    run.await.unwrap();
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [runs, url, file, project, profile @ ..] = &*arguments else {
        return Err("usage: export_spans RUNS URL FILE PROJECT [openinference]".into());
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Reqwest's blocking client cannot be built in an async context.
    let (url, name) = (url.clone(), project.clone());
    let provider = tokio::task::spawn_blocking(move || {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(url)
            .build()?;
        let config = BatchConfigBuilder::default().with_max_queue_size(100_000).build();
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
        let resource = Resource::builder()
            .with_attribute(KeyValue::new("openinference.project.name", name))
            .build();
        let provider = SdkTracerProvider::builder().with_resource(resource);
        Ok::<_, BoxError>(provider.with_span_processor(processor).build())
    });
    let provider = provider.await??;
    let spans = OtelSpans::builder().tracer_provider(provider.clone()).content(OtelContent::Span);
    let spans = profile.iter().fold(spans, |spans, _| spans.profile(OtelProfile::OpenInference));
    // The spans first, so that records have their ids.
    let callbacks = Callbacks::new().inline(spans.build()).blocking(JsonLines::open(file)?);
    let runs: u64 = runs.parse()?;
    // Two or three runs a tree.
    let trees = runs * 2 / 5;
    for first in (0..trees).step_by(50) {
        let some = (first..trees.min(first + 50)).map(|nth| tree(nth, callbacks.clone()));
        futures::future::join_all(some).await;
    }
    if !callbacks.flush(Duration::from_secs(30)).await.is_complete() {
        return Err("events were not delivered".into());
    }
    tokio::task::spawn_blocking(move || provider.shutdown()).await??;
    Ok(())
}
