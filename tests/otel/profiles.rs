//! What spans say about their runs, and the attributes of tools that show them.

use opentelemetry_sdk::trace::{
    InMemorySpanExporter, InMemorySpanExporterBuilder, SdkTracerProvider, SpanData,
};
use serde_json::{Value, json};
use support::read;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delta, LlmStart, Prompt, RunConfig, RunLayer, Usage,
    chat::ChatRequest,
    handlers::{OtelContent, OtelProfile, OtelSpans, OtelSpansBuilder, SemanticConventions},
    layer::ModelLayer,
    testing::{Recorder, Script, ScriptedModel},
};

/// The exporter forgets its spans with its provider.
fn exporter() -> (InMemorySpanExporter, SdkTracerProvider, OtelSpansBuilder) {
    let exporter = InMemorySpanExporterBuilder::new().build();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let spans = OtelSpans::builder().tracer_provider(provider.clone());
    (exporter, provider, spans)
}

/// Makes a call in an agent's run, with a tool.
async fn agent(spans: OtelSpans) -> Recorder {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().inline(spans).inline(recorder.clone());
    let script = Script::new()
        .respond()
        .text("It rains")
        .chunk(Delta::tool_call(0, "call_1", "weather", r#"{"city":"Paris"}"#))
        .chunk(Delta::usage(Usage::new(11, 25)))
        .complete("stop");
    let chain = RunLayer::chain("agent").inheritable_callbacks(&callbacks);
    let config = RunConfig::new()
        .tags(["prod"])
        .metadata("tenant", "acme")
        .metadata("session_id", "s-1")
        .metadata("user_id", "u-1")
        .metadata("secret", "CANARY");
    let mut request = ChatRequest::new("gpt-5").system("Be brief").user("Weather?");
    request.params.insert("reasoning_effort".to_owned(), "high".into());
    // The run starts in this call.
    let run = config.sync_scope(|| {
        chain.run(async {
            let mut model = CallbackLayer::new(Callbacks::new()).layer(ScriptedModel::new(script));
            read(model.ready().await.unwrap().call(request).await.unwrap()).await;
            let tool = RunLayer::tool("weather").input(|(): &()| json!({"city": "Paris"}));
            tool.output(Value::clone).run(async { Ok::<_, tower::BoxError>(json!("wet")) }).await
        })
    });
    run.await.unwrap();
    recorder
}

fn get(span: &SpanData, key: &str) -> Value {
    let mut of_key = span.attributes.iter().filter(|it| it.key.as_str() == key);
    let value = of_key.next().map(|it| match &it.value {
        opentelemetry::Value::I64(number) => json!(number),
        opentelemetry::Value::F64(number) => json!(number),
        opentelemetry::Value::Array(array) => json!(array.to_string()),
        other => json!(other.as_str()),
    });
    assert!(of_key.next().is_none(), "{key} comes twice");
    value.unwrap_or_default()
}

#[tokio::test]
async fn spans_join_with_records() {
    let (exporter, _provider, spans) = exporter();
    let recorder = agent(spans.build()).await;
    let spans = exporter.get_finished_spans().unwrap();
    assert_eq!(spans.len(), 3);
    for span in &spans {
        let id = get(span, "run.id");
        let event = recorder.events().into_iter().find(|it| it.run_id.to_string() == id).unwrap();
        assert_eq!(get(span, "run.name"), event.name);
        assert_eq!(get(span, "run.tags"), r#"["prod"]"#);
        assert_eq!(get(span, "session.id"), "s-1");
        assert_eq!(get(span, "user.id"), "u-1");
        assert_eq!(get(span, "run.metadata.tenant"), "acme");
    }
    assert!(!format!("{spans:?}").contains("CANARY"));
}

#[tokio::test]
async fn openinference_has_messages_tokens_and_kinds() {
    let (exporter, _provider, spans) = exporter();
    let spans = spans.profile(OtelProfile::OpenInference).content(OtelContent::Span);
    agent(spans.build()).await;
    let spans = exporter.get_finished_spans().unwrap();
    let kinds: Vec<_> = spans.iter().map(|span| get(span, "openinference.span.kind")).collect();
    assert_eq!(kinds, ["LLM", "TOOL", "CHAIN"]);
    let of = |key: &str| get(&spans[0], key);
    assert_eq!(of("llm.model_name"), "gpt-5");
    assert_eq!(
        (of("llm.token_count.prompt"), of("llm.token_count.completion")),
        (json!(11), json!(25))
    );
    assert_eq!(of("llm.input_messages.1.message.content"), "Weather?");
    assert_eq!(of("llm.output_messages.0.message.content"), "It rains");
    let tool = "llm.output_messages.0.message.tool_calls.0.tool_call.function";
    assert_eq!(of(&format!("{tool}.name")), "weather");
    assert_eq!(of("tag.tags"), r#"["prod"]"#);
    assert_eq!(of("metadata"), r#"{"tenant":"acme"}"#);
    assert_eq!(get(&spans[1], "output.value"), "wet");
    assert_eq!(get(&spans[1], "tool.parameters"), r#"{"city":"Paris"}"#);
    assert_eq!(of("llm.response.model_name"), Value::Null);
    assert_eq!(of("llm.request.model_name"), "gpt-5");
}

#[tokio::test]
async fn langfuse_has_usage_and_times() {
    let (exporter, _provider, spans) = exporter();
    agent(spans.profile(OtelProfile::Langfuse).content(OtelContent::Span).build()).await;
    let spans = exporter.get_finished_spans().unwrap();
    let types: Vec<_> = spans.iter().map(|span| get(span, "langfuse.observation.type")).collect();
    assert_eq!(types, ["generation", "tool", "chain"]);
    let usage = get(&spans[0], "langfuse.observation.usage_details");
    let usage: Value = serde_json::from_str(usage.as_str().unwrap()).unwrap();
    assert_eq!(
        (&usage["input"], &usage["output"], &usage["total"]),
        (&json!(11), &json!(25), &json!(36))
    );
    assert!(
        get(&spans[0], "langfuse.observation.completion_start_time")
            .as_str()
            .unwrap()
            .starts_with("\"20")
    );
    assert!(get(&spans[0], "langfuse.observation.output").as_str().unwrap().contains("It rains"));
    assert_eq!(get(&spans[2], "langfuse.trace.name"), "agent");
    assert_eq!(get(&spans[0], "langfuse.trace.name"), Value::Null);
    assert_eq!(get(&spans[2], "langfuse.trace.metadata.tenant"), "acme");
}

/// A profile adds no content that is off.
#[tokio::test]
async fn profiles_have_no_content_that_is_off() {
    let (exporter, _provider, spans) = exporter();
    let spans = spans.profile(OtelProfile::Langfuse).profile(OtelProfile::OpenInference);
    agent(spans.build()).await;
    let spans = format!("{:?}", exporter.get_finished_spans().unwrap());
    for text in ["rains", "Weather?", "Paris", "wet", "brief"] {
        assert!(!spans.contains(text), "{text}: {spans}");
    }
}

#[tokio::test]
async fn the_reasoning_level_is_in_the_newer_names() {
    for (conventions, level) in [
        (SemanticConventions::V1_41, Value::Null),
        (SemanticConventions::Latest, json!("high")),
        (SemanticConventions::PythonUtil, json!("high")),
    ] {
        let (exporter, _provider, spans) = exporter();
        agent(spans.conventions(conventions).build()).await;
        let spans = exporter.get_finished_spans().unwrap();
        assert_eq!(get(&spans[0], "gen_ai.request.reasoning.level"), level, "{conventions:?}");
    }
}

/// Calls an embedding model below a retriever that finds documents.
async fn retrieve(spans: OtelSpans) {
    let callbacks = Callbacks::new().inline(spans);
    let client =
        service_fn(|texts: Vec<&'static str>| async move { Ok::<_, BoxError>(texts.len()) });
    let described = |texts: &Vec<&'static str>| {
        let start = LlmStart::new("openai", "embeddings").model("text-embedding-3-small");
        start.stream(false).param("dimensions", 256).messages(Prompt::json(json!(texts)))
    };
    let facts = |count: &usize, each: &mut dyn FnMut(Delta<'_>)| {
        each(Delta::Outputs { count: *count as u64, dimensions: Some(256) });
        each(Delta::usage(Usage::new(9, None)));
    };
    let embed = ModelLayer::embedding(Callbacks::new()).extract(described, facts).layer(client);
    let retriever = RunLayer::retriever("documents").inheritable_callbacks(&callbacks);
    let retriever = retriever.input(|(): &()| json!("rain?")).output(Value::clone);
    let run = retriever.run(async {
        embed.oneshot(vec!["rain", "snow"]).await?;
        Ok::<_, BoxError>(json!([{"id": 1, "content": "It rains", "score": 0.5}, "It snows"]))
    });
    run.await.unwrap();
}

#[tokio::test]
async fn openinference_has_embeddings_and_documents() {
    let (exporter, _provider, spans) = exporter();
    let spans = spans.profile(OtelProfile::OpenInference).content(OtelContent::Span);
    retrieve(spans.build()).await;
    let spans = exporter.get_finished_spans().unwrap();
    let of = |key: &str| get(&spans[0], key);
    assert_eq!(of("openinference.span.kind"), "EMBEDDING");
    assert_eq!(of("embedding.model_name"), "text-embedding-3-small");
    assert_eq!(of("embedding.invocation_parameters"), r#"{"dimensions":256}"#);
    assert_eq!(of("embedding.embeddings.1.embedding.text"), "snow");
    assert_eq!(of("input.value"), r#"["rain","snow"]"#);
    assert_eq!(of("llm.token_count.prompt"), 9);
    for key in ["llm.model_name", "llm.provider", "llm.input_messages.0.message.role"] {
        assert_eq!(of(key), Value::Null, "{key} is for language models");
    }
    let of = |key: &str| get(&spans[1], key);
    assert_eq!(of("openinference.span.kind"), "RETRIEVER");
    assert_eq!((of("input.value"), of("input.mime_type")), (json!("rain?"), json!("text/plain")));
    assert_eq!(of("retrieval.documents.0.document.id"), "1");
    assert_eq!(of("retrieval.documents.0.document.content"), "It rains");
    assert_eq!(of("retrieval.documents.0.document.score"), 0.5);
    assert_eq!(of("retrieval.documents.1.document.content"), "It snows");
}

#[tokio::test]
async fn langfuse_has_embeddings() {
    let (exporter, _provider, spans) = exporter();
    retrieve(spans.profile(OtelProfile::Langfuse).content(OtelContent::Span).build()).await;
    let spans = exporter.get_finished_spans().unwrap();
    let types: Vec<_> = spans.iter().map(|span| get(span, "langfuse.observation.type")).collect();
    assert_eq!(types, ["embedding", "retriever"]);
    assert_eq!(get(&spans[0], "langfuse.observation.input"), r#"["rain","snow"]"#);
    assert_eq!(get(&spans[0], "langfuse.observation.output"), Value::Null);
    assert_eq!(get(&spans[1], "langfuse.observation.input"), "rain?");
}
