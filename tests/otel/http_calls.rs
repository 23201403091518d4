//! Calls over HTTP, in each provider's format.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use opentelemetry::trace::SpanKind;
use serde_json::{Value, json};
use support::http::{HELLO, Scripted, Upstream, event_stream, json};
use support::otel::Otel;
use tower::Layer;
use tower_llm_callbacks::HttpCallbackLayer;

pub(crate) fn request(target: &str, body: &Value) -> Request<Full<Bytes>> {
    let request = Request::post(target).header("content-type", "application/json");
    request.body(Full::from(body.to_string())).unwrap()
}

pub(crate) async fn call(
    otel: &Otel,
    target: &str,
    body: Value,
    answer: impl Fn() -> Response<Scripted> + Clone,
) {
    let service = HttpCallbackLayer::new(otel.callbacks()).layer(Upstream(answer));
    let response = service.oneshot(request(target, &body)).await.unwrap();
    let _ = response.into_body().collect().await;
}

fn whole(answer: Value) -> impl Fn() -> Response<Scripted> + Clone {
    move || json(200, Scripted::chunks([answer.to_string()]))
}

#[tokio::test]
async fn anthropic_streamed() {
    let otel = Otel::new();
    let body = json!({
        "model": "claude-sonnet-4-5", "max_tokens": 9, "stream": true, "temperature": 1, "top_k": 5,
        "stop_sequences": ["END"], "system": "Be brief",
        "messages": [{"role": "user", "content": "Hi"}],
    });
    let target = "https://api.anthropic.com/v1/messages";
    call(&otel, target, body, || event_stream(Scripted::chunks(HELLO))).await;
    let span = otel.span();
    assert_eq!((&*span.name, &span.kind), ("chat claude-sonnet-4-5", &SpanKind::Client));
    span.has(
        true,
        json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "server.address": "api.anthropic.com",
            "server.port": 443,
            "gen_ai.request.stream": true,
            "gen_ai.request.max_tokens": 9,
            "gen_ai.request.temperature": 1.0,
            "gen_ai.request.top_k": 5.0,
            "gen_ai.request.stop_sequences": ["END"],
            "gen_ai.response.id": "msg_1",
            "gen_ai.response.model": "claude",
            "gen_ai.response.finish_reasons": ["end_turn"],
            "gen_ai.usage.input_tokens": 3,
            "gen_ai.usage.output_tokens": 2,
        }),
    );
}

#[tokio::test]
async fn openai_chat_unstreamed_with_two_choices() {
    let otel = Otel::new();
    let body = json!({
        "model": "gpt-4o", "n": 2, "seed": 4, "max_completion_tokens": 50, "top_p": 0.5,
        "frequency_penalty": 0.1, "presence_penalty": 0.2, "stop": "END", "service_tier": "flex",
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}},
        "messages": [{"role": "user", "content": "Hi"}],
    });
    let answer = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-2024-08-06",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "A"}, "finish_reason": "stop"},
            {"index": 1, "message": {"role": "assistant", "content": "B"}, "finish_reason": "length"},
        ],
        "usage": {
            "prompt_tokens": 30, "completion_tokens": 12, "total_tokens": 42,
            "prompt_tokens_details": {"cached_tokens": 20},
            "completion_tokens_details": {"reasoning_tokens": 4},
        },
    });
    call(&otel, "http://api.openai.com:8080/v1/chat/completions", body, whole(answer)).await;
    let span = otel.span();
    assert_eq!(span.name, "chat gpt-4o");
    span.has(
        false,
        json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "server.address": "api.openai.com",
            "server.port": 8080,
            "gen_ai.request.choice.count": 2,
            "gen_ai.request.seed": 4,
            "gen_ai.request.max_tokens": 50,
            "gen_ai.request.top_p": 0.5,
            "gen_ai.request.frequency_penalty": 0.1,
            "gen_ai.request.presence_penalty": 0.2,
            "gen_ai.request.stop_sequences": ["END"],
            "gen_ai.output.type": "json",
            "openai.api.type": "chat_completions",
            "openai.request.service_tier": "flex",
            "gen_ai.response.id": "chatcmpl-1",
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.response.finish_reasons": ["stop", "length"],
            "gen_ai.usage.input_tokens": 30,
            "gen_ai.usage.output_tokens": 12,
            "gen_ai.usage.cache_read.input_tokens": 20,
            "gen_ai.usage.reasoning.output_tokens": 4,
        }),
    );
}

/// The attributes of each request format, except its provider and model.
#[tokio::test]
async fn parameters_in_each_format() {
    let refused = || json(500, Scripted::chunks(["no"]));
    for (target, body, expected) in [
        (
            "/v1/responses",
            json!({
                "model": "m", "input": "Hi", "max_output_tokens": 7, "conversation": {"id": "conv_1"},
                "text": {"format": {"type": "text"}}, "service_tier": "auto", "n": 1,
            }),
            json!({
                "gen_ai.request.max_tokens": 7, "gen_ai.conversation.id": "conv_1",
                "gen_ai.output.type": "text", "openai.api.type": "responses",
                "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
            }),
        ),
        (
            "/v1/completions",
            json!({"model": "m", "prompt": "Hi", "max_tokens": 7}),
            json!({
                "gen_ai.request.max_tokens": 7, "gen_ai.operation.name": "text_completion",
                "gen_ai.provider.name": "openai",
            }),
        ),
        (
            "https://api.groq.com/openai/v1/chat/completions",
            json!({"model": "m", "messages": [], "service_tier": "flex"}),
            json!({
                "gen_ai.operation.name": "chat", "gen_ai.provider.name": "groq",
                "server.address": "api.groq.com", "server.port": 443,
            }),
        ),
        (
            "/v1beta/models/m:generateContent",
            json!({"contents": [], "generationConfig": {
                "maxOutputTokens": 7, "topP": 0.5, "topK": 3, "candidateCount": 2, "seed": 1,
                "stopSequences": ["a", "b"], "responseMimeType": "application/json",
                "frequencyPenalty": 0.5, "presencePenalty": 0.25, "temperature": 0.75,
            }}),
            json!({
                "gen_ai.operation.name": "generate_content", "gen_ai.provider.name": "gcp.gemini",
                "gen_ai.request.max_tokens": 7, "gen_ai.request.top_p": 0.5,
                "gen_ai.request.top_k": 3.0, "gen_ai.request.choice.count": 2,
                "gen_ai.request.seed": 1, "gen_ai.request.stop_sequences": ["a", "b"],
                "gen_ai.output.type": "json", "gen_ai.request.frequency_penalty": 0.5,
                "gen_ai.request.presence_penalty": 0.25, "gen_ai.request.temperature": 0.75,
            }),
        ),
        (
            "http://[::1]:11434/api/chat",
            json!({"model": "m", "stream": false, "messages": [], "format": {"type": "object"}, "options": {
                "num_predict": 7, "temperature": 0.5, "seed": 1,
            }}),
            json!({
                "gen_ai.operation.name": "chat", "gen_ai.provider.name": "ollama",
                "server.address": "::1", "server.port": 11434, "gen_ai.output.type": "json",
                "gen_ai.request.max_tokens": 7, "gen_ai.request.temperature": 0.5,
                "gen_ai.request.seed": 1,
            }),
        ),
    ] {
        let otel = Otel::new();
        call(&otel, target, body, refused).await;
        let mut span = otel.span();
        assert_eq!(span.attributes.remove("gen_ai.request.model"), Some("m".into()), "{target}");
        assert_eq!(span.attributes.remove("error.type"), Some("500".into()), "{target}");
        span.attributes.retain(|key, _| !key.starts_with("run."));
        assert_eq!(Value::from(span.attributes), expected, "{target}");
    }
}
