//! Spans of trees: chains, agents, tools, retrievers, and their parents.

use http::Request;
use http_body_util::{BodyExt, Full};
use opentelemetry::trace::{FutureExt, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use serde_json::{Value, json};
use support::http::{WHOLE, json, prompt};
use support::otel::{Otel, With};
use support::read;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, HttpCallbackLayer, InCurrentRun, RunConfig, RunInput, RunLayer,
    ToolCall,
    chat::ChatRequest,
    handlers::OtelContent,
    http_layer::RequestBody,
    model::anthropic::{AnthropicConfig, AnthropicLayer},
    testing::{Script, ScriptedModel},
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn ask() {
    let mut model =
        CallbackLayer::new(Callbacks::new()).layer(ScriptedModel::new(Script::answer(["Hi"])));
    let request = ChatRequest::new("gpt-4o").user("Hi");
    read(model.ready().await.unwrap().call(request).await.unwrap()).await;
}

async fn use_tool(fails: bool) {
    let tool = service_fn(move |call: ToolCall| async move {
        ask().await;
        if fails {
            Err(BoxError::from("CANARY failed"))
        } else {
            Ok(format!("CANARY {}", call.name))
        }
    });
    let mut tool =
        RunLayer::tool("get_weather").input(|call: &ToolCall| RunInput::from(call)).layer(tool);
    let call = ToolCall::new("call_1", "get_weather", r#"{"city":"CANARY"}"#);
    let _ = tool.ready().await.unwrap().call(call).await;
}

async fn search() {
    let search = service_fn(|_: String| async { Ok::<_, BoxError>(vec!["CANARY"]) });
    let layer = RunLayer::retriever("search").metadata("gen_ai.data_source.id", "docs");
    layer.layer(search).oneshot("CANARY".to_owned()).await.unwrap();
    let plain = service_fn(|_: String| async { Ok::<_, BoxError>(vec!["CANARY"]) });
    RunLayer::retriever("other").layer(plain).oneshot("CANARY".to_owned()).await.unwrap();
}

#[tokio::test]
async fn an_agents_spans() {
    let otel = Otel::new();
    let agent = service_fn(|_: String| async {
        ask().await;
        tokio::spawn(use_tool(false).in_current_run()).await.unwrap();
        use_tool(true).await;
        search().await;
        Ok::<_, BoxError>(())
    });
    let agent = RunLayer::chain("agent")
        .metadata("gen_ai.agent.name", "Forecaster")
        .metadata("gen_ai.agent.id", "asst_1")
        .metadata("gen_ai.agent.description", "Reports the weather")
        .metadata("gen_ai.agent.version", "1.2")
        .metadata("gen_ai.provider.name", "openai")
        .layer(agent);
    let config =
        RunConfig::new().callbacks(otel.callbacks()).metadata("gen_ai.conversation.id", "conv_1");
    config.scope(agent.oneshot("CANARY".to_owned())).await.unwrap();

    let root = otel.named("invoke_agent Forecaster");
    assert_eq!((root.kind.clone(), root.parent.to_string()), (SpanKind::Internal, "0".repeat(16)));
    root.has(
        false,
        json!({
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "Forecaster",
            "gen_ai.agent.id": "asst_1",
            "gen_ai.agent.description": "Reports the weather",
            "gen_ai.agent.version": "1.2",
            "gen_ai.provider.name": "openai",
            "gen_ai.conversation.id": "conv_1",
        }),
    );
    let spans = otel.ended();
    assert_eq!(spans.len(), 8);
    assert!(spans.iter().all(|span| span.trace == root.trace));
    assert!(spans.iter().all(|span| span.attributes["gen_ai.conversation.id"] == "conv_1"));

    let tools: Vec<_> =
        spans.iter().filter(|span| span.name == "execute_tool get_weather").collect();
    assert_eq!(tools.len(), 2);
    for (tool, fails) in tools.iter().zip([false, true]) {
        assert!(tool.is_below(&root));
        assert_eq!(tool.kind, SpanKind::Internal);
        let mut expected = json!({
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "get_weather",
            "gen_ai.tool.call.id": "call_1",
            "gen_ai.conversation.id": "conv_1",
        });
        if fails {
            expected["error.type"] = "failed".into();
            assert_eq!(tool.status, Status::error("failed"));
        }
        tool.has(false, expected);
    }
    let models: Vec<_> = spans.iter().filter(|span| span.name == "chat gpt-4o").collect();
    assert!(models[0].is_below(&root));
    assert!(models[1].is_below(tools[0]) && models[2].is_below(tools[1]));
    assert!(models.iter().all(|model| model.kind == SpanKind::Client));

    let search = otel.named("retrieval docs");
    assert!(search.is_below(&root));
    assert_eq!(search.kind, SpanKind::Internal);
    assert_eq!(search.attributes["gen_ai.data_source.id"], "docs");
    assert_eq!(search.attributes["gen_ai.operation.name"], "retrieval");
    assert!(otel.named("retrieval other").is_below(&root));
    assert_eq!(otel.spans.open_runs(), 0);
    assert!(!otel.everything().contains("CANARY"));
}

/// Inherited metadata does not make the chains inside agents.
#[tokio::test]
async fn only_the_outermost_chain_is_the_agent() {
    let otel = Otel::new();
    let step = |name: &'static str, inner: Option<&'static str>| {
        let work = service_fn(move |_: u8| async move {
            if let Some(inner) = inner {
                let work = service_fn(|_: u8| async { Ok::<_, BoxError>(()) });
                RunLayer::chain(inner).layer(work).oneshot(1).await?;
            }
            Ok::<_, BoxError>(())
        });
        RunLayer::chain(name).layer(work)
    };
    let config =
        RunConfig::new().callbacks(otel.callbacks()).metadata("gen_ai.agent.name", "Helper");
    config.scope(step("outer", Some("inner")).oneshot(1)).await.unwrap();
    let (outer, inner) = (otel.named("invoke_agent Helper"), otel.named("inner"));
    assert!(inner.is_below(&outer));
    inner.has(false, json!({}));

    // A nested chain with metadata of its own is an agent.
    let otel = Otel::new();
    let other = || RunLayer::chain("o").metadata("gen_ai.agent.name", "Other");
    let inner = other().layer(service_fn(|_: u8| async { Ok::<_, BoxError>(()) }));
    let outer = RunLayer::chain("outer").layer(service_fn(move |_: u8| inner.clone().oneshot(1)));
    let config =
        RunConfig::new().callbacks(otel.callbacks()).metadata("gen_ai.agent.name", "Helper");
    config.scope(outer.oneshot(1)).await.unwrap();
    assert!(otel.named("invoke_agent Other").is_below(&otel.named("invoke_agent Helper")));
}

/// A chain in between that the handler does not observe is skipped.
#[tokio::test]
async fn the_nearest_observed_run_is_the_parent() {
    let otel = Otel::new();
    let callbacks = otel.callbacks();
    let inner = RunLayer::tool("t")
        .callbacks(&callbacks)
        .layer(service_fn(|_: u8| async { Ok::<_, BoxError>(()) }));
    let quiet = Callbacks::new().inline(tower_llm_callbacks::on_event(|_, _| {}));
    let middle = RunLayer::chain("middle").callbacks(&quiet).layer(inner);
    let outer = RunLayer::chain("outer").callbacks(&callbacks).layer(middle);
    outer.oneshot(1).await.unwrap();
    assert!(otel.named("execute_tool t").is_below(&otel.named("outer")));
    assert_eq!(otel.ended().len(), 2);
}

async fn over_http(otel: &Otel, traceparent: &'static str) {
    let layer = HttpCallbackLayer::new(otel.callbacks());
    let mut request = prompt();
    request.headers_mut().insert("traceparent", traceparent.parse().unwrap());
    let inner = service_fn(|_: Request<RequestBody<Full<bytes::Bytes>>>| async {
        Ok::<_, BoxError>(json(200, Full::<bytes::Bytes>::from(WHOLE)))
    });
    let response = layer.layer(inner).oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();
}

#[tokio::test]
async fn a_call_joins_the_trace_of_its_traceparent() {
    let otel = Otel::new();
    over_http(&otel, PARENT).await;
    let span = otel.span();
    assert_eq!(
        (span.trace.to_string(), span.parent.to_string()),
        (TRACE.into(), "00f067aa0ba902b7".into())
    );
    assert!(span.parent_is_remote && span.sampled);
    // The SDK's default sampler does not record an unsampled trace. The metrics are recorded all the same.
    let otel = Otel::new();
    over_http(&otel, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00").await;
    assert!(otel.ended().is_empty());
    assert_eq!(otel.spans.open_runs(), 0);
    assert_eq!(otel.measured()["gen_ai.client.operation.duration"].point().count, 1);
    let otel = Otel::new();
    over_http(&otel, "nonsense").await;
    assert_eq!(otel.span().parent.to_string(), "0".repeat(16));
}

/// A server's current span of the same trace is the parent. One of another trace is not.
#[tokio::test]
async fn a_current_span_of_the_same_trace_is_the_parent() {
    let otel = Otel::new();
    let tracer = otel.tracer_provider.tracer("server");
    let remote = opentelemetry::trace::SpanContext::new(
        opentelemetry::TraceId::from_hex(TRACE).unwrap(),
        opentelemetry::SpanId::from_hex("00f067aa0ba902b7").unwrap(),
        opentelemetry::TraceFlags::SAMPLED,
        true,
        Default::default(),
    );
    let caller = opentelemetry::Context::new().with_remote_span_context(remote);
    let server = caller.with_span(tracer.start_with_context("server", &caller));
    over_http(&otel, PARENT).with_context(server.clone()).await;
    server.span().end();
    assert!(otel.named("chat claude").is_below(&otel.named("server")));

    let otel = Otel::new();
    let tracer = otel.tracer_provider.tracer("server");
    let elsewhere = opentelemetry::Context::current_with_span(tracer.start("elsewhere"));
    over_http(&otel, PARENT).with_context(elsewhere).await;
    let span = otel.named("chat claude");
    assert_eq!(
        (span.trace.to_string(), span.parent.to_string()),
        (TRACE.into(), "00f067aa0ba902b7".into())
    );
}

/// A typed model over an observed client is one call: the outer span is the client span, content is recorded
/// once, and the call is measured once.
#[tokio::test]
async fn a_typed_model_over_an_observed_client_is_one_call() {
    let otel = Otel::with(With { content: OtelContent::Both, ..With::default() });
    let callbacks = otel.callbacks();
    let client = service_fn(|_: Request<RequestBody<Full<bytes::Bytes>>>| async {
        Ok::<_, BoxError>(json(200, Full::<bytes::Bytes>::from(WHOLE)))
    });
    let client = HttpCallbackLayer::new(callbacks.clone()).layer(client);
    let model = AnthropicLayer::new(AnthropicConfig::new("key")).layer(client);
    let mut model = CallbackLayer::new(callbacks).layer(model);
    let request = ChatRequest::new("claude-haiku-4-5").max_tokens(3).user("Hi");
    read(model.ready().await.unwrap().call(request).await.unwrap()).await;
    let spans = otel.ended();
    assert_eq!(spans.len(), 2);
    let (inner, outer) = (&spans[0], &spans[1]);
    assert!(inner.is_below(outer));
    assert_eq!((&inner.kind, &outer.kind), (&SpanKind::Internal, &SpanKind::Client));
    assert_eq!((&*inner.name, &*outer.name), ("chat claude-haiku-4-5", "chat claude-haiku-4-5"));
    assert_eq!(inner.attributes["server.address"], "api.anthropic.com");
    assert_eq!(outer.attributes.get("server.address"), None::<&Value>);
    assert_eq!(outer.json("gen_ai.output.messages")[0]["parts"][0]["content"], "Hello");
    assert!(inner.attributes.keys().all(|key| !key.ends_with(".messages")));
    assert_eq!(otel.logs().iter().map(|log| log.span.1).collect::<Vec<_>>(), [outer.id]);
    let measured = otel.measured();
    assert_eq!(measured["gen_ai.client.operation.duration"].point().count, 1);
    let usage = &measured["gen_ai.client.token.usage"];
    assert_eq!(usage.points.iter().map(|point| point.sum).sum::<f64>(), 5.0);
}

/// A failed attempt inside has a failed span, but is not counted as a failed call.
#[tokio::test]
async fn a_failed_attempt_is_not_a_failed_call() {
    let otel = Otel::new();
    let callbacks = otel.callbacks();
    let outer = CallbackLayer::new(callbacks.clone());
    let model = service_fn(move |request: ChatRequest| {
        let failing = ScriptedModel::new(Script::new().fail("no").respond());
        let mut failing = CallbackLayer::new(callbacks.clone()).layer(failing);
        async move {
            assert!(failing.ready().await?.call(request.clone()).await.is_err());
            ScriptedModel::new(Script::answer(["Hi"])).oneshot(request).await
        }
    });
    let mut model = outer.layer(model);
    let request = ChatRequest::new("gpt-4o").user("Hi");
    read(model.ready().await.unwrap().call(request).await.unwrap()).await;
    let spans = otel.ended();
    assert_eq!(spans[0].attributes["error.type"], "transport");
    assert_eq!((&spans[0].kind, &spans[1].status), (&SpanKind::Internal, &Status::Unset));
    assert!(otel.logs().is_empty());
    let measured = otel.measured();
    let duration = measured["gen_ai.client.operation.duration"].point();
    assert_eq!((duration.count, duration.attributes.get("error.type")), (1, None));
}

/// A call made in an ended model run is a separate call.
#[tokio::test]
async fn a_call_in_an_ended_run_is_separate() {
    let otel = Otel::new();
    let (handler, runs) = support::runs();
    let ask = async |callbacks: Callbacks| {
        let model = ScriptedModel::new(Script::answer(["Hi"]));
        let mut model = CallbackLayer::new(callbacks).layer(model);
        let request = ChatRequest::new("gpt-4o").user("Hi");
        read(model.ready().await.unwrap().call(request).await.unwrap()).await;
    };
    ask(otel.callbacks().add(handler)).await;
    let first = runs.lock().unwrap()[0].clone();
    assert!(first.has_ended());
    ask(otel.callbacks()).in_run(&first).await;
    let spans = otel.ended();
    assert!(spans.len() == 2 && spans.iter().all(|span| span.kind == SpanKind::Client));
    assert_eq!(otel.measured()["gen_ai.client.operation.duration"].point().count, 2);
}
