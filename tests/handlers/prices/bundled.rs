//! The prices of genai-prices.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tower::{Layer, service_fn};
use tower_llm_callbacks::{
    Callbacks, HttpCallbackLayer, Usage,
    event::{PriceSource, PricedCall},
    handlers::{BudgetGuard, PriceTable, Prices, UsageTotals},
};

use super::{amount, at};

fn call<'a>(provider: &'a str, model: &'a str, usage: &'a Usage) -> PricedCall<'a> {
    let mut call = PricedCall::new(provider, Some(model), usage);
    call.time = at(12, 0);
    call
}

fn cost(call: &PricedCall<'_>) -> Option<String> {
    Prices::bundled().price_of(call).map(|price| price.amount.to_string())
}

#[test]
fn providers_are_found_by_our_names_and_by_url() {
    let usage = Usage::new(1_000, 1_000);
    for (provider, model) in [
        ("anthropic", "claude-3-haiku-20240307"),
        ("openai", "gpt-4o-2024-08-06"),
        ("azure.ai.openai", "gpt-4o-2024-08-06"),
        ("aws.bedrock", "anthropic.claude-3-haiku-20240307-v1:0"),
        ("gcp.gemini", "gemini-2.0-flash"),
        ("gcp.vertex_ai", "gemini-2.0-flash"),
        ("mistral_ai", "mistral-large-latest"),
        ("cohere", "command-r-plus"),
        ("deepseek", "deepseek-chat"),
        ("groq", "llama-3.3-70b-versatile"),
        ("x_ai", "grok-3"),
        ("z_ai", "glm-4.6"),
        ("perplexity", "sonar"),
        ("openrouter", "anthropic/claude-3-haiku"),
        ("moonshot", "kimi-k2-0905-preview"),
        // Below a queue, a model does not say whose it is.
        ("unknown", "claude-3-haiku-20240307"),
    ] {
        assert!(cost(&call(provider, model, &usage)).is_some(), "{provider} {model}");
    }
    // A local server has no price because a provider elsewhere has a model of that name.
    for (provider, model) in [("ollama", "gpt-4o"), ("vllm", "gpt-4o"), ("openai", "llama3:8b")] {
        assert_eq!(cost(&call(provider, model, &usage)), None, "{provider} {model}");
    }
    // The URL says more than the format's default provider.
    let mut routed = call("openai", "moonshotai/Kimi-K2-Instruct", &usage);
    assert_eq!(cost(&routed), None);
    routed.url = Some("https://router.huggingface.co/novita/v3/openai/chat/completions");
    assert!(cost(&routed).is_some());
    // A proxy of one's own has an URL that says nothing.
    let mut proxied = call("openai", "gpt-4o", &usage);
    proxied.url = Some("http://127.0.0.1:8080/v1/chat/completions");
    assert_eq!(cost(&proxied).as_deref(), Some("0.0125"));
}

#[test]
fn prices_depend_on_tier_lifetime_date_and_time_of_day() {
    let mut usage = Usage::new(1_000_000, 1_000_000);
    assert_eq!(cost(&call("openai", "o3", &usage)).as_deref(), Some("10"));
    usage.service_tier = Some("flex".into());
    assert_eq!(cost(&call("openai", "o3", &usage)).as_deref(), Some("5"));
    usage.service_tier = Some("batch".into());
    assert_eq!(cost(&call("openai", "o3", &usage)).as_deref(), Some("5"));
    usage.service_tier = None;
    let mut early = call("openai", "o3", &usage);
    early.time = UNIX_EPOCH + Duration::from_secs(1_748_000_000);
    assert_eq!(cost(&early).as_deref(), Some("50"));

    let mut chat = call("deepseek", "deepseek-chat", &usage);
    assert_eq!(cost(&chat).as_deref(), Some("1.37"));
    chat.time = at(0, 29);
    assert_eq!(cost(&chat).as_deref(), Some("0.685"));

    let mut written = Usage::new(1_000, 0).cached(None, 1_000);
    let five = cost(&call("anthropic", "claude-sonnet-4-5", &written)).unwrap();
    written.cache_writes = [("1h".into(), 1_000)].into();
    let hour = cost(&call("anthropic", "claude-sonnet-4-5", &written)).unwrap();
    assert_eq!((&*five, &*hour), ("0.00375", "0.006"));
}

#[test]
fn audio_and_searches_are_read_from_the_providers_object() {
    let usage = Usage::new(100, 50);
    let mut call = call("openai", "gpt-audio", &usage);
    let text = cost(&call).unwrap();
    let raw = serde_json::json!({
        "prompt_tokens": 100, "completion_tokens": 50,
        "prompt_tokens_details": {"audio_tokens": 60},
        "completion_tokens_details": {"audio_tokens": 40}
    });
    (call.api, call.usage_raw) = ("chat_completions", Some(&raw));
    let audio = cost(&call).unwrap();
    assert!(amount(&audio) > amount(&text), "{audio} {text}");
    // An object that says otherwise than the usage does not count.
    let raw = serde_json::json!({"prompt_tokens": 1, "completion_tokens": 50});
    call.usage_raw = Some(&raw);
    assert_eq!(cost(&call).unwrap(), text);
}

#[test]
fn names_of_models_that_clients_choose_do_not_displace_prices() {
    let prices = Prices::bundled();
    let usage = Usage::new(1, 1);
    for number in 0..5_000 {
        let name = format!("{number:x>200}");
        assert!(prices.price_of(&call("unknown-provider", &name, &usage)).is_none());
    }
    assert!(prices.price_of(&call("openai", "gpt-4o", &usage)).is_some());
    assert!(prices.price_of(&call("openai", &"gpt-4o".repeat(100_000), &usage)).is_none());
}

const ACME: &str = r#"[{"id": "acme", "name": "Acme", "api_pattern": "https://api\\.acme\\.example",
    "models": [{"id": "a", "match": {"starts_with": "a-"},
        "prices": {"input_mtok": 1, "output_mtok": {"base": 2, "tiers": [{"start": 10, "price": 4}]}}}]}]"#;

#[test]
fn newer_data_replaces_the_bundled() {
    let prices = Prices::bundled();
    let (usage, layers) = (Usage::new(10, 10), prices.clone());
    assert!(layers.price_of(&call("acme", "a-1", &usage)).is_none());
    prices.replace(Prices::from_genai_json(ACME).unwrap());
    let price = layers.price_of(&call("acme", "a-1", &usage)).unwrap();
    assert_eq!((&*price.currency, price.amount), ("USD", amount("0.00003")));
    let rates = layers.rates(&call("acme", "a-1", &usage)).unwrap();
    assert_eq!((rates.input, rates.output), (amount("1"), amount("2")));
    let long = Usage::new(11, None);
    assert_eq!(layers.rates(&call("acme", "a-1", &long)).unwrap().output, amount("4"));

    let error = Prices::from_genai_json("[1").unwrap_err();
    assert!(error.to_string().contains("not a list of providers"), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}

/// A gateway with a price for its own contract, totals and a budget.
#[tokio::test]
async fn calls_over_http_are_priced() {
    let own: PriceTable =
        r#"{"currency": "USD", "models": {"my-*": {"input": 1, "output": 1}}}"#.parse().unwrap();
    let prices = Prices::from(own).or(Prices::bundled());
    let totals = UsageTotals::builder().by_model().prices(prices.clone()).build();
    let guard = BudgetGuard::builder().money(amount("1")).prices(prices.clone()).build();
    let (costs, seen) = std::sync::mpsc::channel();
    let ended = tower_llm_callbacks::on_llm_end(move |_, result| {
        costs.send(result.cost.clone().map(|cost| cost.amount.to_string())).unwrap();
    });
    let callbacks = Callbacks::new().inline(totals.clone()).inline(guard.clone()).inline(ended);
    let layer = HttpCallbackLayer::new(callbacks).prices(prices);
    let ask = async |url: &str, model: &str, tier: &str| {
        let answer = serde_json::json!({
            "id": "1", "object": "chat.completion", "model": model, "service_tier": tier,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1_000, "completion_tokens": 1_000, "total_tokens": 2_000}
        });
        let service = service_fn(move |_: Request<_>| {
            let body = Full::new(Bytes::from(answer.to_string()));
            let response = http::Response::builder().header("content-type", "application/json");
            std::future::ready(Ok::<_, std::convert::Infallible>(response.body(body).unwrap()))
        });
        let body =
            serde_json::json!({"model": model, "messages": [], "max_tokens": 100}).to_string();
        let request = Request::post(url).body(Full::new(Bytes::from(body))).unwrap();
        let response = layer.layer(service).oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap();
        seen.recv().unwrap()
    };
    let openai = "https://api.openai.com/v1/chat/completions";
    assert_eq!(ask(openai, "o3-2025-04-16", "default").await.as_deref(), Some("0.01"));
    assert_eq!(ask(openai, "o3-2025-04-16", "flex").await.as_deref(), Some("0.005"));
    assert_eq!(ask("/v1/chat/completions", "my-model", "default").await.as_deref(), Some("0.002"));
    let cost = totals.snapshot().total.cost.unwrap();
    assert_eq!((cost.total(), cost.unpriced_runs), (amount("0.017"), 0));
    assert_eq!(guard.key("").unwrap().spent, amount("0.017"));
}
