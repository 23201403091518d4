//! Metrics: their values, units, buckets and attributes.

use std::time::Duration;

use serde_json::{Value, json};
use support::http::{HELLO, Scripted, event_stream, json};
use support::otel::{Metric, Otel, With};
use support::{PATIENCE, read};
use tower::{Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    CallbackHandler, CallbackLayer, Callbacks, Delta, EventKind, Registration, Usage,
    chat::ChatRequest,
    handlers::{OtelMetrics, SemanticConventions},
    testing::{Script, ScriptedModel},
};

use crate::{
    http_calls,
    typed_calls::{answer, call, chat_request},
};

const SECONDS: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const TOKENS: [f64; 14] = [
    1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0,
    16777216.0, 67108864.0,
];

fn common() -> Value {
    json!({
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-haiku-4-5",
    })
}

fn with(mut attributes: Value, more: &[(&str, Value)]) -> Value {
    for (key, value) in more {
        attributes[*key] = value.clone();
    }
    attributes
}

fn assert_metric(metric: &Metric, unit: &str, bounds: &[f64]) {
    assert_eq!((&*metric.unit, &*metric.bounds), (unit, bounds));
}

#[tokio::test]
async fn all_metrics_of_a_streamed_call() {
    let otel = Otel::new();
    let script = Script::new()
        .respond()
        .chunk(Delta::Response { id: None, model: Some("claude-haiku-4-5-1".into()) })
        .pause(Duration::from_millis(30))
        .text("a")
        .pause(Duration::from_millis(60))
        .text("b")
        .text("c")
        .chunk(Delta::Usage { usage: Usage::new(100, 20).cached(60, 10), raw: None })
        .complete("end_turn");
    call(&otel, script, chat_request()).await;
    let measured = otel.measured();
    let answered = with(common(), &[("gen_ai.response.model", json!("claude-haiku-4-5-1"))]);

    let duration = &measured["gen_ai.client.operation.duration"];
    assert_metric(duration, "s", &SECONDS);
    assert_eq!((&duration.point().attributes, duration.point().count), (&answered, 1));
    assert!((0.09..9.0).contains(&duration.point().sum), "{duration:?}");

    let first = &measured["gen_ai.client.operation.time_to_first_chunk"];
    assert_metric(first, "s", &SECONDS);
    assert_eq!((&first.point().attributes, first.point().count), (&answered, 1));
    assert!((0.03..duration.point().sum).contains(&first.point().sum), "{first:?}");

    let chunk = &measured["gen_ai.client.operation.time_per_output_chunk"];
    assert_metric(chunk, "s", &SECONDS);
    // The response model is not known yet at a chunk.
    assert_eq!((&chunk.point().attributes, chunk.point().count), (&common(), 2));
    assert!((0.05..duration.point().sum).contains(&chunk.point().sum), "{chunk:?}");

    let usage = &measured["gen_ai.client.token.usage"];
    assert_metric(usage, "{token}", &TOKENS);
    assert_eq!(usage.points.len(), 2);
    for (point, (kind, tokens)) in usage.points.iter().zip([("input", 100.0), ("output", 20.0)]) {
        assert_eq!(point.attributes, with(answered.clone(), &[("gen_ai.token.type", json!(kind))]));
        assert_eq!((point.count, point.sum), (1, tokens));
    }
    assert_eq!(measured.len(), 4);
}

#[tokio::test]
async fn http_calls_have_the_servers_address() {
    let otel = Otel::new();
    let body = json!({"model": "claude", "stream": true, "messages": []});
    let answer = || event_stream(Scripted::chunks(HELLO));
    http_calls::call(&otel, "https://api.anthropic.com/v1/messages", body, answer).await;
    let measured = otel.measured();
    let duration = &measured["gen_ai.client.operation.duration"];
    assert_eq!(
        duration.point().attributes,
        json!({
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude", "gen_ai.response.model": "claude",
            "server.address": "api.anthropic.com", "server.port": 443,
        }),
    );
}

/// Without usage and chunks, only the duration is recorded.
#[tokio::test]
async fn unknown_values_are_not_recorded() {
    let otel = Otel::new();
    call(&otel, Script::new().fail("no").respond(), chat_request()).await;
    let measured = otel.measured();
    assert_eq!(measured.keys().collect::<Vec<_>>(), ["gen_ai.client.operation.duration"]);
    assert_eq!(
        measured["gen_ai.client.operation.duration"].point().attributes,
        with(common(), &[("error.type", json!("transport"))]),
    );
}

/// An unstreamed answer has no chunks.
#[tokio::test]
async fn an_unstreamed_answer_has_no_chunk_times() {
    let otel = Otel::new();
    let body = json!({"model": "claude", "messages": []});
    let whole = || json(200, Scripted::chunks([support::http::WHOLE]));
    http_calls::call(&otel, "/v1/messages", body, whole).await;
    let measured = otel.measured();
    let names: Vec<_> = measured.keys().collect();
    assert_eq!(names, ["gen_ai.client.operation.duration", "gen_ai.client.token.usage"]);
}

#[tokio::test]
async fn the_latest_conventions() {
    let otel = Otel::with(With { conventions: SemanticConventions::Latest, ..With::default() });
    call(&otel, answer(), chat_request()).await;
    let measured = otel.measured();
    let answered = with(common(), &[("gen_ai.response.model", json!("claude-haiku-4-5-1"))]);
    let unknown = with(answered.clone(), &[("gen_ai.token.modality", json!("unknown"))]);
    for (name, tokens) in [
        ("input_tokens", 100.0),
        ("output_tokens", 20.0),
        ("cache_read.input_tokens", 60.0),
        ("cache_write.input_tokens", 10.0),
        ("reasoning.output_tokens", 5.0),
    ] {
        let metric = &measured[&format!("gen_ai.client.inference.usage.{name}")];
        assert_eq!((&metric.point().attributes, metric.point().sum), (&unknown, tokens), "{name}");
        assert_eq!(metric.unit, "{token}");
    }
    for (name, tokens) in [("input_tokens", 100.0), ("output_tokens", 20.0)] {
        let metric = &measured[&format!("gen_ai.client.inference.operation.{name}")];
        assert_metric(metric, "{token}", &TOKENS);
        assert_eq!((&metric.point().attributes, metric.point().sum), (&answered, tokens), "{name}");
    }
    for name in ["duration", "time_to_first_chunk", "time_per_output_chunk"] {
        assert_metric(&measured[&format!("gen_ai.client.inference.{name}")], "s", &SECONDS);
    }
    assert_eq!(measured.len(), 10);
}

/// A cancelled call records the usage so far.
#[tokio::test]
async fn usage_of_a_cancelled_call() {
    let otel = Otel::new();
    let script = Script::new()
        .respond()
        .chunk(Delta::Usage { usage: Usage::new(7, 1), raw: None })
        .text("a")
        .hang();
    let mut model = CallbackLayer::new(otel.callbacks()).layer(ScriptedModel::new(script));
    let mut answer = model.ready().await.unwrap().call(chat_request()).await.unwrap();
    futures::StreamExt::next(&mut answer).await;
    drop(answer);
    let usage = &otel.measured()["gen_ai.client.token.usage"];
    assert_eq!(usage.points.iter().map(|point| point.sum).collect::<Vec<_>>(), [7.0, 1.0]);
    assert!(usage.points.iter().all(|point| point.attributes.get("error.type").is_none()));
}

/// Queued tokens keep the time at which they arrived.
#[tokio::test]
async fn a_queued_handler_measures_arrival_times() {
    struct Slow(OtelMetrics);
    impl CallbackHandler for Slow {
        fn on_event(&self, run: &tower_llm_callbacks::Run, event: &tower_llm_callbacks::Event) {
            if event.kind() == EventKind::LlmStart {
                std::thread::sleep(Duration::from_millis(300));
            }
            self.0.on_event(run, event);
        }
    }
    let otel = Otel::new();
    let callbacks =
        Callbacks::new().add(Registration::blocking(Slow(otel.metrics.clone())).background());
    let mut model = CallbackLayer::new(callbacks.clone()).layer(ScriptedModel::new(
        Script::new()
            .respond()
            .text("a")
            .pause(Duration::from_millis(100))
            .text("b")
            .complete("stop"),
    ));
    read(model.ready().await.unwrap().call(chat_request()).await.unwrap()).await;
    assert!(callbacks.flush(PATIENCE).await.is_complete());
    let chunk = &otel.measured()["gen_ai.client.operation.time_per_output_chunk"];
    assert!((0.09..0.3).contains(&chunk.point().sum), "{chunk:?}");
}

#[test]
fn without_chunk_times_tokens_are_masked() {
    let metrics = OtelMetrics::builder().chunk_times(false).build();
    assert!(!metrics.event_mask().wants(EventKind::LlmNewToken));
    assert!(OtelMetrics::new().event_mask().wants(EventKind::LlmNewToken));
}

/// Whatever model names clients send.
#[tokio::test]
async fn labels_are_bounded() {
    let otel = Otel::with(With { max_models: Some(3), ..With::default() });
    let long = "m".repeat(129);
    // The long name, while there is still room.
    let models = [long].into_iter().chain((0..50).map(|number| format!("model-{number}")));
    for model in models {
        let script = Script::new()
            .respond()
            .chunk(Delta::Response { id: None, model: Some(format!("answers-{model}").into()) })
            .text("a")
            .provider_error(
                tower_llm_callbacks::ProviderError::new("no").code(format!("code-{model}")),
            );
        let request = ChatRequest::new(&*model).provider(format!("provider-{model}")).user("Hi");
        call(&otel, script, request).await;
        let body = json!({"model": "claude", "messages": []});
        let target = format!("http://{}.example:80/v1/messages", &model[..model.len().min(60)]);
        http_calls::call(&otel, &target, body, || json(500, Scripted::chunks(["no"]))).await;
    }
    let duration = &otel.measured()["gen_ai.client.operation.duration"];
    assert_eq!(duration.points.iter().map(|point| point.count).sum::<u64>(), 102);
    for key in [
        "gen_ai.request.model",
        "gen_ai.response.model",
        "gen_ai.provider.name",
        "server.address",
        "error.type",
    ] {
        let values = duration.points.iter().filter_map(|point| point.attributes.get(key));
        let values: std::collections::BTreeSet<_> = values.map(|it| it.as_str().unwrap()).collect();
        assert_eq!(values.len(), 4, "{key}: {values:?}");
        assert!(values.contains("_OTHER"), "{key}");
        assert!(values.iter().all(|value| value.len() <= 128));
    }
    let is_other = |attributes: &Value| attributes["server.address"] == "_OTHER";
    let mut others = duration.points.iter().filter(|point| is_other(&point.attributes));
    assert!(others.all(|point| point.attributes.get("server.port").is_none()));
}
