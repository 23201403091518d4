//! Costs in results and records.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use support::read;
use tower::{BoxError, Layer, Service, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delta, HttpCallbackLayer, Usage,
    chat::ChatRequest,
    event::{EventData, EventRecord, PriceSource, PricedCall},
    handlers::{JsonLines, Prices, UsageTotals},
    http_layer::RequestBody,
    on_event,
    testing::{Script, ScriptedModel},
};

use super::{amount, table};

fn prices() -> Prices {
    table(r#"{"currency": "USD", "models": {"m*": {"input": 3, "output": 15}}}"#).into()
}

fn begun(model: &str, usage: Usage) -> Script {
    let response = Delta::Response { id: None, model: Some(model.to_owned().into()) };
    let usage = Delta::Usage { usage, raw: None };
    Script::new().respond().chunk(response).text("a").chunk(usage)
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Makes a call and returns the last line of its record.
async fn last_line(prices: Option<Prices>, requested: &str, script: Script) -> String {
    last_line_of(prices, requested, script, true).await
}

async fn last_line_of(
    prices: Option<Prices>,
    requested: &str,
    script: Script,
    estimates: bool,
) -> String {
    let lines = Lines::default();
    let callbacks = Callbacks::new().blocking(JsonLines::new(lines.clone()));
    let mut layer = CallbackLayer::new(callbacks.clone());
    if let Some(prices) = prices {
        layer = layer.prices(prices);
    }
    if !estimates {
        layer = layer.without_estimates();
    }
    let mut model = layer.layer(ScriptedModel::new(script));
    read(model.call(ChatRequest::new(requested)).await.unwrap()).await;
    assert!(callbacks.flush(support::PATIENCE).await.is_complete());
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    text.lines().last().unwrap().to_owned()
}

fn data(line: &str) -> Value {
    serde_json::from_str::<Value>(line).unwrap()["data"].clone()
}

#[tokio::test]
async fn a_record_has_the_cost_and_is_read_back() {
    let usage = Usage::new(17, 12);
    let line = last_line(Some(prices()), "any", begun("m1", usage.clone()).complete("stop")).await;
    let expected = r#""cost":{"currency":"USD","amount":"0.000231","estimated":false},"#;
    assert!(line.contains(expected), "{line}");
    let record = EventRecord::from_json(line.as_bytes()).unwrap();
    let EventData::LlmEnd(result) = record.data else { panic!("{record:?}") };
    let cost = result.cost.clone().unwrap();
    assert_eq!((&*cost.currency, cost.amount, cost.estimated), ("USD", amount("0.000231"), false));
    assert_eq!(json!(&*result)["cost"], data(&line)["cost"]);

    // The requested model has the price, and the run fails.
    let line = last_line(Some(prices()), "m2", begun("who?", usage).fail("reset")).await;
    assert_eq!(data(&line)["cost"]["amount"], "0.000231");
    assert_eq!(data(&line)["error"]["kind"], "transport");
}

#[tokio::test]
async fn what_is_not_known_has_no_cost() {
    // Nothing is estimated.
    let last_line = |prices, requested, script| last_line_of(prices, requested, script, false);
    let usage = || Usage::new(17, 12);
    for (prices, requested, script) in [
        (None, "m", begun("m", usage()).complete("stop")),
        (Some(prices()), "who?", begun("nobody", usage()).complete("stop")),
        (Some(prices()), "m", Script::new().respond().text("a").complete("stop")),
    ] {
        let line = last_line(prices, requested, script).await;
        assert_eq!(data(&line).get("cost"), None, "{line}");
    }
    // A part is priced, and is not the whole.
    for (usage, amount) in [(Usage::new(17, None), "0.000051"), (Usage::new(None, 12), "0.00018")] {
        let script = begun("m", usage).complete("stop");
        let cost = data(&last_line_of(Some(prices()), "m", script, false).await)["cost"].clone();
        assert_eq!((&cost["amount"], &cost["estimated"]), (&amount.into(), &true.into()));
    }
    // An empty answer of Gemini's has no count of output.
    let empty = begun("m", Usage::new(17, None).total(17)).complete("SAFETY");
    let line = last_line(Some(prices()), "m", empty).await;
    assert_eq!(data(&line)["cost"]["amount"], "0.000051");
}

#[tokio::test]
async fn totals_without_prices_add_up_what_layers_say() {
    let totals = UsageTotals::new();
    let layer = CallbackLayer::new(Callbacks::new().inline(totals.clone())).prices(prices());
    for model in ["m1", "m2", "who?"] {
        let script = begun(model, Usage::new(17, 12)).complete("stop");
        let mut model = layer.layer(ScriptedModel::new(script));
        read(model.call(ChatRequest::new("any")).await.unwrap()).await;
    }
    let snapshot = totals.snapshot();
    let cost = snapshot.total.cost.unwrap();
    assert_eq!((cost.reported, cost.total()), (amount("0.000462"), amount("0.000462")));
    assert_eq!(snapshot.currency.as_deref(), Some("USD"));
}

#[tokio::test]
async fn totals_with_prices_of_their_own_agree_with_the_layer_of_the_same() {
    let totals = UsageTotals::builder().prices(prices()).build();
    let layer = CallbackLayer::new(Callbacks::new().inline(totals.clone())).prices(prices());
    for model in ["m1", "who?"] {
        let script = begun(model, Usage::new(17, 12)).complete("stop");
        let mut model = layer.layer(ScriptedModel::new(script));
        read(model.call(ChatRequest::new("any")).await.unwrap()).await;
    }
    let snapshot = totals.snapshot();
    let cost = snapshot.total.cost.unwrap();
    assert_eq!((cost.total(), cost.unpriced_runs), (amount("0.000231"), 1));
    assert_eq!(&*snapshot.unpriced_models[0], "who?");
}

/// Anthropic multiplies its prices for the fast mode and for a place, which the tokens do not say.
#[tokio::test]
async fn a_price_that_the_provider_multiplies_is_not_exact() {
    for (raw, estimated) in [
        (json!({"speed": "fast"}), true),
        (json!({"inference_geo": "us"}), true),
        (json!({"speed": "standard", "inference_geo": "global"}), false),
        (json!({"speed": null, "inference_geo": "not_available"}), false),
    ] {
        let usage = Delta::Usage { usage: Usage::new(17, 12), raw: Some(Cow::Owned(raw.clone())) };
        let script = Script::new().respond().text("a").chunk(usage).complete("end_turn");
        let cost = data(&last_line(Some(prices()), "m", script).await)["cost"].clone();
        assert_eq!(cost["estimated"], estimated, "{raw}: {cost}");
    }
}

/// Cohere reads more tokens than it charges for.
#[tokio::test]
async fn what_a_provider_bills_is_priced() {
    let raw = json!({"billed_units": {"input_tokens": 900.0, "output_tokens": 100},
        "tokens": {"input_tokens": 1000, "output_tokens": 100}});
    let usage = Usage::new(1_000, 100);
    for (prices, model, expected) in
        [(prices(), "m", "0.0042"), (Prices::bundled(), "command-a-03-2025", "0.00325")]
    {
        let mut call = PricedCall::new("cohere", Some(model), &usage);
        call.usage_raw = Some(&raw);
        assert_eq!(prices.price_of(&call).unwrap().amount, amount(expected), "{model}");
    }
}

/// Embeddings have no output: a report of the input is a report of all of it.
#[tokio::test]
async fn embeddings_whose_input_is_reported_are_not_estimated() {
    let cohere = json!({"id": "1", "embeddings": {"float": [[0.5]]}, "texts": ["Hi"],
        "meta": {"billed_units": {"input_tokens": 17}}});
    let gemini = json!({"embedding": {"values": [0.5]}, "usageMetadata": {"promptTokenCount": 17}});
    let silent = json!({"embedding": {"values": [0.5]}});
    let texts = json!({"model": "m", "texts": ["Hi"], "input_type": "search_query"});
    let content = json!({"content": {"parts": [{"text": "Hi"}]}});
    for (path, request, answer, estimated) in [
        ("/v2/embed", &texts, cohere, false),
        ("/v1beta/models/m:embedContent", &content, gemini, false),
        ("/v1beta/models/m:embedContent", &content, silent, true),
    ] {
        let costs = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&costs);
        let note = on_event(move |_, event| {
            seen.lock().unwrap().extend(event.data().result().and_then(|it| it.cost.clone()));
        });
        let answer = answer.to_string();
        let upstream = service_fn(move |_: Request<RequestBody<Full<Bytes>>>| {
            let answer = Full::<Bytes>::from(answer.clone());
            async { Ok::<_, BoxError>(support::http::json(200, answer)) }
        });
        let layer = HttpCallbackLayer::new(Callbacks::new().inline(note)).prices(prices());
        let body = Full::<Bytes>::from(request.to_string());
        let call = Request::post(path).header("content-type", "application/json").body(body);
        let response = layer.layer(upstream).call(call.unwrap()).await.unwrap();
        support::http::read(response.into_body()).await;
        let costs = costs.lock().unwrap();
        assert_eq!((costs.len(), costs[0].estimated), (1, estimated), "{path}: {costs:?}");
    }
}

/// What the provider says that it charged is truer than a table of list prices. Prices of one's own say what one wants to
/// charge.
#[tokio::test]
async fn a_cost_that_the_provider_reports_comes_before_list_prices() {
    let begun = |raw: Value| {
        let usage = Delta::Usage { usage: Usage::new(1_000, 100), raw: Some(Cow::Owned(raw)) };
        Script::new().respond().text("a").chunk(usage)
    };
    let model = "claude-3-haiku-20240307";
    for (raw, amount) in [
        // OpenRouter, also with the caller's own key.
        (json!({"cost": 0.00165, "is_byok": false}), "0.00165"),
        (
            json!({"cost": 0.0001, "is_byok": true, "cost_details": {"upstream_inference_cost": 0.002}}),
            "0.0021",
        ),
        // Perplexity.
        (json!({"cost": {"input_tokens_cost": 0.001, "total_cost": 0.006}}), "0.006"),
        // xAI.
        (json!({"cost_in_usd_ticks": 37_756_000}), "0.0037756"),
    ] {
        let script = begun(raw.clone()).complete("stop");
        let line = last_line(Some(Prices::bundled()), model, script).await;
        let expected =
            json!({"currency": "USD", "amount": amount, "estimated": false, "reported": true});
        assert_eq!(data(&line)["cost"], expected);
        let own =
            table(r#"{"currency": "EUR", "models": {"claude*": {"input": 3, "output": 15}}}"#);
        let own = Prices::from(own).or(Prices::bundled());
        let line = last_line(Some(own), model, begun(raw).complete("stop")).await;
        let expected = json!({"currency": "EUR", "amount": "0.0045", "estimated": false});
        assert_eq!(data(&line)["cost"], expected);
    }
    // These say nothing. A proxy sends zero where it has no price.
    for raw in [
        json!({"cost": 0}),
        json!({"cost": -1}),
        json!({"cost": {"currency": "USD"}}),
        json!({"cost": 0.0001, "is_byok": true}),
        json!({"cost_in_usd_ticks": null}),
    ] {
        let line = last_line(Some(Prices::bundled()), model, begun(raw).complete("stop")).await;
        let expected = json!({"currency": "USD", "amount": "0.000375", "estimated": false});
        assert_eq!(data(&line)["cost"], expected);
    }
    // More came after the report: it is not the cost of all of it.
    let longer = begun(json!({"cost": 0.00165})).text(" long answer ".repeat(400)).fail("reset");
    let cost = data(&last_line(Some(Prices::bundled()), model, longer).await)["cost"].clone();
    assert_eq!((&cost["reported"], &cost["estimated"]), (&true.into(), &true.into()));
}
