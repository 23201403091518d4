//! Makes runs, exports their spans by OTLP over HTTP, and writes their records to a file: for `.ci/phoenix.py`.
//!
//! `export_spans RUNS URL FILE PROJECT [openinference]`. Each 20 runs are 8 trees, one of each kind of [`tree`].

use std::{error::Error, future::Future, time::Duration};

use opentelemetry::KeyValue;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider},
};
use serde_json::{Value, json};
use support::read;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delta, LlmStart, Prompt, ProviderError, RunConfig, RunLayer, Usage,
    chat::ChatRequest,
    handlers::{JsonLines, OtelContent, OtelProfile, OtelSpans, Prices},
    layer::ModelLayer,
    testing::{Script, ScriptedModel},
};

/// The runs and the trees of each kind of tree once.
const RUNS: u64 = 20;
const TREES: u64 = 8;

/// A call that is dropped has waited for so long.
const MOMENT: Duration = Duration::from_millis(30);

/// An answer of which a part and the usage have come.
fn begun(nth: u64) -> Script {
    let usage = Usage::new(200 + nth, 7 + nth % 50).cached(nth % 90, nth % 40).reasoning(nth % 6);
    let response = Delta::response(format!("msg_{nth}"), "claude-haiku-4-5-20251001");
    let script = Script::new().respond().chunk(response).text("It rains");
    script.pause(Duration::from_millis(nth % 7)).usage(usage)
}

/// Calls a model. Fails if the answer does.
async fn ask(nth: u64, script: Script) -> Result<(), BoxError> {
    let layer = CallbackLayer::new(Callbacks::new()).prices(Prices::bundled());
    let mut model = layer.layer(ScriptedModel::new(script));
    let request = ChatRequest::new("claude-haiku-4-5").provider("anthropic");
    let request = request.system("Be brief").user(format!("Question {nth}"));
    let answer = model.ready().await?.call(request).await?;
    read(answer).await.1.map_or(Ok(()), Err)
}

/// Calls a model of embeddings. Each third call fails.
async fn embed(nth: u64) -> Result<(), BoxError> {
    let tokens = (!(nth / TREES).is_multiple_of(3)).then_some(nth % 100 + 1);
    let client = service_fn(move |_: String| async move {
        tokens.ok_or_else(|| BoxError::from("connection reset"))
    });
    let described = |text: &String| {
        let start = LlmStart::new("openai", "embeddings").model("text-embedding-3-small");
        start.stream(false).inputs(1).messages(Prompt::json(json!([text])))
    };
    let facts = |tokens: &u64, each: &mut dyn FnMut(Delta<'_>)| {
        each(Delta::Outputs { count: 1, dimensions: Some(1536) });
        each(Delta::usage(Usage::new(*tokens, None)));
    };
    let layer = ModelLayer::embedding(Callbacks::new()).prices(Prices::bundled());
    layer.extract(described, facts).layer(client).oneshot(format!("Text {nth}")).await?;
    Ok(())
}

async fn tool() -> Result<(), BoxError> {
    let tool = RunLayer::tool("weather").input(|(): &()| json!({"city": "Paris"}));
    tool.output(|text: &&str| json!(*text)).run(async { Ok::<_, BoxError>("wet") }).await?;
    Ok(())
}

async fn retrieve(nth: u64) -> Result<(), BoxError> {
    let retriever = RunLayer::retriever("documents").input(|(): &()| json!("rain"));
    let search = async {
        embed(nth).await?;
        Ok::<_, BoxError>(json!([{"id": "1", "score": 0.5}]))
    };
    retriever.output(Value::clone).run(search).await?;
    Ok(())
}

/// Drops a future that takes long.
async fn briefly(future: impl Future<Output = Result<(), BoxError>>) -> Result<(), BoxError> {
    tokio::time::timeout(MOMENT, future).await.unwrap_or(Ok(()))
}

/// The runs of a tree below its chain.
async fn below(nth: u64) -> Result<(), BoxError> {
    match nth % TREES {
        // The whole tree is dropped, below.
        0 | 1 => ask(nth, begun(nth).hang()).await,
        // The answer is dropped midway, or before it begins.
        2 => {
            briefly(ask(nth, begun(nth).hang())).await?;
            tool().await
        }
        3 => briefly(ask(nth, Script::new().hang())).await,
        // The chain fails as well, or goes on.
        4 => {
            let error = ProviderError::new("overloaded").code("overloaded_error").status(529);
            ask(nth, begun(nth).provider_error(error)).await
        }
        5 => ask(nth, begun(nth).fail("connection reset")).await.or(Ok(())),
        6 => {
            let _ = embed(nth).await;
            let call = Delta::tool_call(0, "call_1", "weather", r#"{"city":"Paris"}"#);
            ask(nth, begun(nth).chunk(call).complete("tool_use")).await?;
            tool().await
        }
        _ => retrieve(nth).await,
    }
}

async fn tree(nth: u64, project: &str, callbacks: Callbacks) {
    let config = RunConfig::new()
        .callbacks(&callbacks)
        .tags(["check"])
        // Phoenix has one session of an id, whatever the project.
        .metadata("session_id", format!("{project}-{}", nth % 40))
        .metadata("user_id", format!("u-{}", nth % 9))
        .metadata("tenant", format!("t-{}", nth % 5));
    // The run starts in this call.
    let run = config.sync_scope(|| RunLayer::chain("agent").run(below(nth)));
    let run = async { run.await.map(drop) };
    let ended = if nth % TREES < 2 { briefly(run).await } else { run.await };
    assert!(ended.is_ok() || matches!(nth % TREES, 4 | 7), "{nth}: {ended:?}");
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
    let trees = runs.parse::<u64>()? / RUNS * TREES;
    for first in (0..trees).step_by(50) {
        let some = (first..trees.min(first + 50)).map(|nth| tree(nth, project, callbacks.clone()));
        futures::future::join_all(some).await;
    }
    if !callbacks.flush(Duration::from_secs(30)).await.is_complete() {
        return Err("events were not delivered".into());
    }
    tokio::task::spawn_blocking(move || provider.shutdown()).await??;
    Ok(())
}
