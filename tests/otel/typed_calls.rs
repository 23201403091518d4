//! Calls of typed models.

use opentelemetry::{
    KeyValue,
    trace::{SpanKind, Status, Tracer, TracerProvider},
};
use serde_json::json;
use support::otel::{Otel, With};
use support::read;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    AttemptsLayer, CallbackLayer, Delta, LlmStart, Run, Usage,
    chat::{ChatRequest, Tool},
    handlers::{OtelSpans, SemanticConventions},
    testing::{Script, ScriptedModel},
};

/// An answer with every field that is recorded.
pub(crate) fn answer() -> Script {
    Script::new()
        .respond()
        .chunk(Delta::Response {
            id: Some("msg_1".into()),
            model: Some("claude-haiku-4-5-1".into()),
        })
        .chunk(Delta::Reasoning { choice: 0, text: "Hm.".into() })
        .text("Hel")
        .text("lo")
        .chunk(Delta::Usage { usage: Usage::new(100, 20).cached(60, 10).reasoning(5), raw: None })
        .complete("end_turn")
}

pub(crate) fn chat_request() -> ChatRequest {
    ChatRequest::new("claude-haiku-4-5")
        .max_tokens(25)
        .temperature(0.5)
        .top_p(0.9)
        .top_k(40)
        .stop(["END", "."])
        .param("seed", 7)
        .param("frequency_penalty", 0.25)
        .param("presence_penalty", -0.5)
        .param("n", 2)
        .system("Be brief")
        .user("Hi")
        .tool(Tool::new("f", json!({"type": "object"})))
}

pub(crate) async fn call(otel: &Otel, script: Script, request: ChatRequest) {
    let layer = CallbackLayer::new(otel.callbacks()).name("model");
    let mut model = layer.layer(ScriptedModel::new(script));
    if let Ok(answer) = model.ready().await.unwrap().call(request).await {
        read(answer).await;
    }
}

#[tokio::test]
async fn all_attributes_of_a_streamed_call() {
    let otel = Otel::new();
    call(&otel, answer(), chat_request()).await;
    let span = otel.span();
    assert_eq!((&*span.name, &span.kind), ("chat claude-haiku-4-5", &SpanKind::Client));
    assert_eq!(span.status, Status::Unset);
    assert!(span.end > span.start);
    let scope =
        ("tower-llm-callbacks".into(), Some("https://opentelemetry.io/schemas/1.41.1".into()));
    assert_eq!(span.scope, scope);
    span.has(
        true,
        json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-haiku-4-5",
            "gen_ai.request.stream": true,
            "gen_ai.request.choice.count": 2,
            "gen_ai.request.seed": 7,
            "gen_ai.request.max_tokens": 25,
            "gen_ai.request.temperature": 0.5,
            "gen_ai.request.top_p": 0.9,
            "gen_ai.request.top_k": 40.0,
            "gen_ai.request.frequency_penalty": 0.25,
            "gen_ai.request.presence_penalty": -0.5,
            "gen_ai.request.stop_sequences": ["END", "."],
            "gen_ai.response.id": "msg_1",
            "gen_ai.response.model": "claude-haiku-4-5-1",
            "gen_ai.response.finish_reasons": ["end_turn"],
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 20,
            "gen_ai.usage.cache_read.input_tokens": 60,
            "gen_ai.usage.cache_creation.input_tokens": 10,
            "gen_ai.usage.reasoning.output_tokens": 5,
        }),
    );
    assert!(otel.logs().is_empty());
    assert!(span.events.is_empty());
}

#[tokio::test]
async fn unknown_values_are_left_out() {
    let otel = Otel::new();
    let layer = CallbackLayer::new(otel.callbacks()).without_estimates().extract(
        |_: &()| LlmStart::new("mine", "generate").stream(false),
        |chunk, each| each(Delta::text(*chunk)),
    );
    let inner = service_fn(|()| async {
        Ok::<_, tower::BoxError>(futures::stream::iter([Ok::<_, tower::BoxError>("Hi")]))
    });
    let mut model = layer.layer(inner);
    let answer = model.ready().await.unwrap().call(()).await.unwrap();
    futures::StreamExt::count(answer).await;
    let span = otel.span();
    assert_eq!(span.name, "text_completion");
    span.has(
        true,
        json!({"gen_ai.operation.name": "text_completion", "gen_ai.provider.name": "mine"}),
    );
}

#[tokio::test]
async fn long_names_are_cut() {
    let otel = Otel::new();
    call(&otel, answer(), ChatRequest::new("é".repeat(5_000)).user("Hi")).await;
    let span = otel.span();
    assert_eq!(span.name, format!("chat {}", "é".repeat(128)));
    assert_eq!(span.attributes["gen_ai.request.model"], "é".repeat(128));
}

#[tokio::test]
async fn the_latest_conventions() {
    let otel = Otel::with(With { conventions: SemanticConventions::Latest, ..With::default() });
    call(&otel, answer(), chat_request()).await;
    let span = otel.span();
    assert_eq!(span.scope.1, None);
    assert_eq!(span.attributes["gen_ai.usage.cache_write.input_tokens"], 10);
    assert_eq!(span.attributes["gen_ai.request.top_k"], 40);
    assert!(!span.attributes.contains_key("gen_ai.usage.cache_creation.input_tokens"));
}

/// Samplers see the attributes when the span is created.
#[tokio::test]
async fn a_span_has_its_attributes_from_its_creation() {
    use opentelemetry::trace::TraceState;
    use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult};
    #[derive(Debug, Clone)]
    struct OnlyGpt;
    impl opentelemetry_sdk::trace::ShouldSample for OnlyGpt {
        fn should_sample(
            &self,
            _: Option<&opentelemetry::Context>,
            _: opentelemetry::TraceId,
            _: &str,
            _: &SpanKind,
            attributes: &[KeyValue],
            _: &[opentelemetry::trace::Link],
        ) -> SamplingResult {
            let gpt = KeyValue::new("gen_ai.request.model", "gpt-4o");
            let chosen = attributes.contains(&gpt)
                && attributes.contains(&KeyValue::new("gen_ai.operation.name", "chat"))
                && attributes.contains(&KeyValue::new("gen_ai.provider.name", "openai"));
            SamplingResult {
                decision: match chosen {
                    true => SamplingDecision::RecordAndSample,
                    false => SamplingDecision::Drop,
                },
                attributes: Vec::new(),
                trace_state: TraceState::default(),
            }
        }
    }
    let exporter = opentelemetry_sdk::trace::InMemorySpanExporter::default();
    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .with_sampler(OnlyGpt)
        .build();
    let spans = OtelSpans::builder().tracer(provider.tracer("mine")).build();
    let layer = CallbackLayer::new(tower_llm_callbacks::Callbacks::new().inline(spans.clone()));
    for model in ["gpt-4o", "claude"] {
        let mut service = layer.layer(ScriptedModel::new(Script::answer(["Hi"])));
        let request = ChatRequest::new(model).user("Hi");
        read(service.ready().await.unwrap().call(request).await.unwrap()).await;
    }
    let ended = exporter.get_finished_spans().unwrap();
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].name, "chat gpt-4o");
    assert_eq!(ended[0].instrumentation_scope.name(), "mine", "the tracer's own scope");
    assert_eq!(spans.open_runs(), 0);
}

/// Each attempt is a run of its own, with an event for the attempt before it.
#[tokio::test]
async fn retries_are_events_of_the_span() {
    let otel = Otel::new();
    let models = std::sync::Arc::new(std::sync::Mutex::new(vec![
        Script::new().fail("CANARY lost").respond(),
        answer(),
    ]));
    let callbacks = otel.callbacks();
    let service = service_fn(move |request: ChatRequest| {
        let script = models.lock().unwrap().remove(0);
        let model = ScriptedModel::new(script);
        let mut model = CallbackLayer::new(callbacks.clone()).layer(model);
        async move { model.ready().await?.call(request).await }
    });
    let twice = service_fn(move |request: ChatRequest| {
        let service = service.clone();
        async move {
            if let Ok(answer) = service.clone().oneshot(request.clone()).await {
                return Ok(answer);
            }
            service.oneshot(request).await
        }
    });
    let mut call = AttemptsLayer::new().layer(twice);
    let answer = call.ready().await.unwrap().call(chat_request()).await.unwrap();
    read(answer).await;
    let spans = otel.ended();
    assert_eq!(spans.len(), 2);
    assert!(spans[0].events.is_empty());
    let retry = ("retry".to_owned(), json!({"retry.attempt": 2}).as_object().unwrap().clone());
    assert_eq!(spans[1].events, [retry]);
    assert!(!otel.everything().contains("CANARY"));
}

#[tokio::test]
async fn custom_events_are_events_of_the_span() {
    let otel = Otel::new();
    let inner = service_fn(|request: ChatRequest| async move {
        let run = Run::current().unwrap();
        run.emit("cached", true).unwrap();
        run.emit("hits", 3).unwrap();
        run.emit("share", 0.5).unwrap();
        run.emit("said", "CANARY").unwrap();
        run.emit("object", json!({"a": "CANARY"})).unwrap();
        ScriptedModel::new(Script::answer(["Hi"])).oneshot(request).await
    });
    let mut model = CallbackLayer::new(otel.callbacks()).layer(inner);
    read(model.ready().await.unwrap().call(chat_request()).await.unwrap()).await;
    let events: Vec<_> =
        otel.span().events.into_iter().map(|(name, at)| json!([name, at])).collect();
    let expected = json!([
        ["cached", {"value": true}], ["hits", {"value": 3}], ["share", {"value": 0.5}],
        ["said", {}], ["object", {}],
    ]);
    assert_eq!(json!(events), expected);
    assert!(!otel.everything().contains("CANARY"));
}

/// The global providers are no-ops by default.
#[tokio::test]
async fn without_an_sdk_no_spans_are_created() {
    let spans = OtelSpans::new();
    let metrics = tower_llm_callbacks::handlers::OtelMetrics::new();
    let callbacks =
        tower_llm_callbacks::Callbacks::new().inline(spans.clone()).inline(metrics.clone());
    let (handler, runs) = support::runs();
    let layer = CallbackLayer::new(callbacks.add(handler));
    let mut model = layer.layer(ScriptedModel::new(answer()));
    let (chunks, error) =
        read(model.ready().await.unwrap().call(chat_request()).await.unwrap()).await;
    assert!(chunks.len() > 2 && error.is_none());
    assert_eq!(runs.lock().unwrap()[0].tracing_span(), None, "no span is set on the run");
    assert_eq!((spans.open_runs(), metrics.open_runs()), (0, 0));
}

/// The current span at the start of a call is its parent.
#[tokio::test]
async fn the_current_span_is_the_parent() {
    use opentelemetry::trace::{FutureExt, TraceContextExt};
    let otel = Otel::new();
    let tracer = otel.tracer_provider.tracer("app");
    let context = opentelemetry::Context::current_with_span(tracer.start("request"));
    call(&otel, answer(), chat_request()).with_context(context.clone()).await;
    context.span().end();
    let (call, request) = (otel.named("chat claude-haiku-4-5"), otel.named("request"));
    assert!(call.is_below(&request));
    assert!(!call.parent_is_remote);
}
