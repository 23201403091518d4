//! What answers say beside their content: OpenAI's service tier and fingerprint, tokens by modality, and how tokens are known.

use http::Response;
use serde_json::{Value, json};
use support::http::{Scripted, event_stream, json};
use support::otel::{Metric, Otel, With};
use tower_llm_callbacks::{
    Delta, Usage,
    chat::ChatRequest,
    handlers::{SemanticConventions, UsageTotals},
    testing::Script,
};

use crate::{http_calls, typed_calls};

const URL: &str = "https://api.openai.com/v1/chat/completions";

fn answer(is_streamed: bool) -> impl Fn() -> Response<Scripted> + Clone {
    let usage = json!({
        "prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 20, "audio_tokens": 30},
        "completion_tokens_details": {"reasoning_tokens": 5, "audio_tokens": 40, "text_tokens": 10},
    });
    let chunk = move |object: &str, choice: Value, usage: Value| {
        json!({
            "id": "c1", "object": object, "model": "gpt-audio", "service_tier": "scale",
            "system_fingerprint": "fp_44709d6fcb", "choices": choice, "usage": usage,
        })
        .to_string()
    };
    move || {
        let message = json!({"role": "assistant", "content": "Hi"});
        if is_streamed {
            let choice = json!([{"index": 0, "delta": message, "finish_reason": "stop"}]);
            let chunks = [
                chunk("chat.completion.chunk", choice, Value::Null),
                chunk("chat.completion.chunk", json!([]), usage.clone()),
            ];
            let events = chunks.map(|chunk| format!("data: {chunk}\n\n"));
            event_stream(Scripted::chunks(events.into_iter().chain(["data: [DONE]\n\n".into()])))
        } else {
            let choice = json!([{"index": 0, "message": message, "finish_reason": "stop"}]);
            json(200, Scripted::chunks([chunk("chat.completion", choice, usage.clone())]))
        }
    }
}

fn body(is_streamed: bool) -> Value {
    json!({"model": "gpt-audio", "stream": is_streamed, "messages": [], "service_tier": "scale"})
}

#[tokio::test]
async fn spans_have_openais_tier_and_fingerprint_and_tokens_by_modality() {
    for is_streamed in [false, true] {
        for conventions in [SemanticConventions::V1_41, SemanticConventions::Latest] {
            let otel = Otel::with(With { conventions, ..With::default() });
            http_calls::call(&otel, URL, body(is_streamed), answer(is_streamed)).await;
            let attributes = otel.span().attributes;
            assert_eq!(attributes["openai.request.service_tier"], "scale");
            assert_eq!(attributes["openai.response.service_tier"], "scale");
            assert_eq!(attributes["openai.response.system_fingerprint"], "fp_44709d6fcb");
            let modal = [
                ("gen_ai.usage.audio.input_tokens", 30),
                ("gen_ai.usage.audio.output_tokens", 40),
                ("gen_ai.usage.text.output_tokens", 10),
            ];
            for (key, tokens) in modal {
                let expected = (conventions != SemanticConventions::V1_41).then(|| json!(tokens));
                assert_eq!(attributes.get(key), expected.as_ref(), "{key} {conventions:?}");
            }
        }
    }
}

/// `openai.*` is for OpenAI only, as the conventions say.
#[tokio::test]
async fn other_providers_have_no_attributes_of_openai() {
    let otel = Otel::new();
    let url = "https://api.groq.com/openai/v1/chat/completions";
    http_calls::call(&otel, url, body(true), answer(true)).await;
    let attributes = otel.span().attributes;
    assert_eq!(attributes["gen_ai.provider.name"], "groq");
    assert!(attributes.keys().all(|key| !key.starts_with("openai.")), "{attributes:?}");
    let measured = otel.measured();
    let point = &measured["gen_ai.client.operation.duration"].point().attributes;
    assert!(point.get("openai.response.service_tier").is_none());
}

fn values(metric: &Metric, key: &str) -> Vec<(Value, f64)> {
    let of = |point: &support::otel::Point| (point.attributes[key].clone(), point.sum);
    metric.points.iter().map(of).collect()
}

#[tokio::test]
async fn metrics_have_the_tier_and_tokens_by_modality() {
    let otel = Otel::new();
    http_calls::call(&otel, URL, body(true), answer(true)).await;
    let measured = otel.measured();
    for name in ["gen_ai.client.operation.duration", "gen_ai.client.token.usage"] {
        for point in &measured[name].points {
            assert_eq!(point.attributes["openai.response.service_tier"], "scale");
            assert_eq!(point.attributes["openai.response.system_fingerprint"], "fp_44709d6fcb");
        }
    }
    let otel = Otel::with(With { conventions: SemanticConventions::Latest, ..With::default() });
    http_calls::call(&otel, URL, body(true), answer(true)).await;
    let measured = otel.measured();
    let modality = |name: &str| {
        let metric = &measured[&format!("gen_ai.client.inference.usage.{name}")];
        let mut all = values(metric, "gen_ai.token.modality");
        all.sort_by_key(|(modality, _)| modality.to_string());
        all
    };
    assert_eq!(modality("input_tokens"), [(json!("audio"), 30.0), (json!("unknown"), 70.0)]);
    assert_eq!(modality("output_tokens"), [(json!("audio"), 40.0), (json!("text"), 10.0)]);
    assert_eq!(modality("cache_read.input_tokens"), [(json!("unknown"), 20.0)]);
}

/// Clients cannot choose them, but a provider could send any.
#[tokio::test]
async fn fingerprints_are_bounded() {
    let otel = Otel::with(With { max_models: Some(2), ..With::default() });
    for nth in 0..9 {
        let script = Script::new()
            .respond()
            .chunk(Delta::Fingerprint(format!("fp_{nth}").into()))
            .complete("stop");
        typed_calls::call(&otel, script, ChatRequest::new("gpt-5").provider("openai")).await;
    }
    let duration = &otel.measured()["gen_ai.client.operation.duration"];
    let seen = values(duration, "openai.response.system_fingerprint");
    assert_eq!(seen.len(), 3, "{seen:?}");
}

/// An estimate is marked, and a cost is there where there are prices.
#[tokio::test]
async fn spans_say_how_tokens_are_known_and_what_they_cost() {
    use support::read;
    use tower::{Layer, Service, ServiceExt};
    use tower_llm_callbacks::{CallbackLayer, handlers::PriceTable, testing::ScriptedModel};
    let prices: PriceTable =
        r#"{"currency": "EUR", "models": {"m": {"input": 1000000, "output": 2000000}}}"#.parse().unwrap();
    let reported = Script::new().respond().text("a").usage(Usage::new(3, 4)).complete("stop");
    for (script, is_reported) in [(reported, true), (Script::answer(["a b c"]), false)] {
        let otel = Otel::new();
        let totals = UsageTotals::new();
        let layer =
            CallbackLayer::new(otel.callbacks().inline(totals.clone())).prices(prices.clone());
        let mut model = layer.layer(ScriptedModel::new(script));
        let request = ChatRequest::new("m").user("Hi");
        read(model.ready().await.unwrap().call(request).await.unwrap()).await;
        let attributes = otel.span().attributes;
        let source = (!is_reported).then(|| json!("estimated"));
        assert_eq!(attributes.get("run.usage.input_source"), source.as_ref());
        assert_eq!(attributes.get("run.usage.output_source"), source.as_ref());
        assert_eq!(attributes["run.cost.currency"], "EUR");
        let counted = totals.snapshot().total.cost.unwrap().total().to_string();
        assert_eq!(attributes["run.cost.total"], counted.parse::<f64>().unwrap());
        if is_reported {
            assert_eq!(attributes["run.cost.total"], 11.0);
        }
    }
}
