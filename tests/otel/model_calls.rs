//! Calls of models that are no language models, and of tools over the Model Context Protocol.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use opentelemetry::trace::SpanKind;
use serde_json::json;
use support::http::{Upstream, json as answer};
use support::otel::{Otel, With};
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    Delta, HttpCallbackLayer, LlmStart, Prompt, Usage, handlers::OtelContent, layer::ModelLayer,
};

type Texts = Vec<String>;

fn facts(count: &u64, each: &mut dyn FnMut(Delta<'_>)) {
    each(Delta::Outputs { count: *count, dimensions: Some(256) });
    let mut usage = Usage::default();
    usage.input_tokens = Some(9);
    each(Delta::usage(usage));
}

fn described(texts: &Texts) -> LlmStart {
    LlmStart::new("acme", "embed")
        .model("acme-1")
        .stream(false)
        .inputs(texts.len() as u64)
        .messages(Prompt::json(json!(texts)))
        .param("encoding_format", "base64")
}

#[tokio::test]
async fn the_operation_is_that_of_the_type() {
    for content in [OtelContent::Off, OtelContent::Both] {
        let otel = Otel::with(With { content, ..With::default() });
        let client =
            service_fn(|texts: Texts| async move { Ok::<_, BoxError>(texts.len() as u64) });
        let layer = ModelLayer::embedding(otel.callbacks()).extract(described, facts);
        layer.layer(client).oneshot(vec!["one".to_owned(), "two".to_owned()]).await.unwrap();
        let span = otel.span();
        assert_eq!((&*span.name, &span.kind), ("embeddings acme-1", &SpanKind::Client));
        span.has(
            false,
            json!({
                "gen_ai.operation.name": "embeddings",
                "gen_ai.provider.name": "acme",
                "gen_ai.request.model": "acme-1",
                "gen_ai.request.encoding_formats": ["base64"],
                "gen_ai.embeddings.dimension.count": 256,
                "gen_ai.usage.input_tokens": 9,
            }),
        );
        let measured = otel.measured();
        let duration = &measured["gen_ai.client.operation.duration"];
        assert_eq!(duration.point().attributes["gen_ai.operation.name"], "embeddings");
    }
}

#[tokio::test]
async fn images_say_what_they_make() {
    let otel = Otel::new();
    let client = service_fn(|_: Texts| async move { Ok::<u64, BoxError>(1) });
    let layer = ModelLayer::image(otel.callbacks()).extract(described, facts);
    layer.layer(client).oneshot(vec!["a cat".to_owned()]).await.unwrap();
    let span = otel.span();
    assert_eq!(span.attributes["gen_ai.operation.name"], "generate_content");
    assert_eq!(span.attributes["gen_ai.output.type"], "image");
}

#[tokio::test]
async fn a_call_of_an_mcp_server_has_its_attributes() {
    let otel = Otel::new();
    let body = r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"get_weather"}}"#;
    let failed = r#"{"jsonrpc":"2.0","id":3,"result":{"content":[],"isError":true}}"#;
    let request = Request::post("/mcp").header("mcp-session-id", "s-1");
    let request = request.body(Full::<Bytes>::from(body)).unwrap();
    let server = Upstream(move || answer(200, Full::<Bytes>::from(failed)));
    let response = HttpCallbackLayer::new(otel.callbacks()).layer(server).oneshot(request).await;
    response.unwrap().into_body().collect().await.unwrap();
    let span = otel.span();
    assert_eq!((&*span.name, &span.kind), ("tools/call get_weather", &SpanKind::Client));
    span.has(
        false,
        json!({
            "error.type": "tool_error",
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "get_weather",
            "jsonrpc.request.id": "3",
            "mcp.method.name": "tools/call",
            "mcp.session.id": "s-1",
        }),
    );
}
