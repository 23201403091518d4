//! Prices are replaced while runs are in flight, and sources are combined.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures::StreamExt;
use support::read;
use tower::{Layer, Service};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delta, Usage,
    chat::ChatRequest,
    event::{Price, PriceSource, PricedCall},
    handlers::{BudgetGuard, Prices, UsageTotals},
    on_llm_end, on_llm_new_token, on_llm_start,
    testing::{Script, ScriptedModel},
};

use super::{amount, table};

fn prices(output: u64) -> Prices {
    table(&format!(
        r#"{{"currency": "USD", "models": {{"m": {{"input": 0, "output": {output}}}}}}}"#
    ))
    .into()
}

fn script() -> Script {
    let usage = Delta::Usage { usage: Usage::new(1, 1_000_000), raw: None };
    Script::new().respond().text("a").text("b").chunk(usage).complete("stop")
}

#[tokio::test]
async fn runs_that_end_later_have_the_new_prices() {
    let prices = prices(1);
    let totals = UsageTotals::builder().prices(prices.clone()).build();
    let guard = BudgetGuard::builder().money(amount("1000")).prices(prices.clone()).build();
    let callbacks = Callbacks::new().inline(totals.clone()).inline(guard.clone());
    let layer = CallbackLayer::new(callbacks).prices(prices.clone());
    let mut streams = Vec::new();
    for _ in 0..4 {
        let mut model = layer.layer(ScriptedModel::new(script()));
        let mut stream = model.call(ChatRequest::new("m")).await.unwrap();
        assert!(stream.next().await.unwrap().is_ok());
        streams.push(stream);
    }
    read(streams.pop().unwrap()).await;
    assert_eq!(totals.snapshot().total.cost.unwrap().total(), amount("1"));
    prices.replace(self::prices(3));
    for stream in streams {
        read(stream).await;
    }
    assert_eq!(totals.snapshot().total.cost.unwrap().total(), amount("10"));
    assert_eq!(guard.key("").unwrap().spent, amount("10"));
}

#[tokio::test]
async fn prices_in_another_currency_are_not_added_up() {
    let prices = prices(1);
    let totals = UsageTotals::builder().prices(prices.clone()).build();
    let layer = CallbackLayer::new(Callbacks::new().inline(totals.clone()));
    let call = async || {
        let mut model = layer.layer(ScriptedModel::new(script()));
        read(model.call(ChatRequest::new("m")).await.unwrap()).await;
    };
    call().await;
    prices.replace(table(r#"{"currency": "EUR", "models": {"m": {"input": 0, "output": 1}}}"#));
    call().await;
    let snapshot = totals.snapshot();
    let cost = snapshot.total.cost.unwrap();
    assert_eq!((cost.total(), cost.unpriced_runs), (amount("1"), 1));
    assert_eq!((snapshot.currency.as_deref(), &*snapshot.unpriced_models[0]), (Some("USD"), "m"));
}

#[derive(Debug, Clone, Default)]
struct Counting(Arc<AtomicU64>);

impl PriceSource for Counting {
    fn currency(&self) -> Arc<str> {
        "USD".into()
    }

    fn price_of(&self, call: &PricedCall<'_>) -> Option<Price> {
        self.0.fetch_add(1, Ordering::Relaxed);
        assert!(call.requested != Some("bad"), "the source panics");
        let tokens = call.usage.output_tokens.unwrap_or(0);
        call.models().find(|model| *model == "x")?;
        Some(Price::new("USD", amount("0.5").plus(amount(&format!("0.{tokens:09}")))))
    }
}

#[test]
fn the_first_source_with_a_price_counts() {
    let (own, usage) = (prices(7), Usage::new(1, 2));
    let both = own.or(Prices::new(Counting::default()));
    let price = |model| {
        let price = both.price_of(&PricedCall::new("any", Some(model), &usage));
        price.map(|price| price.amount.to_string())
    };
    // What replaces a part later does not change what was combined.
    own.replace(prices(8));
    assert_eq!(price("m").as_deref(), Some("0.000014"));
    assert_eq!(price("x").as_deref(), Some("0.500000002"));
    assert_eq!(price("who?"), None);
    // Combined with itself, it ends.
    both.replace(both.or(both.clone()));
    assert_eq!(price("m").as_deref(), Some("0.000014"));
    // A source that panics has no price.
    assert_eq!(price("bad"), None);
}

#[tokio::test]
async fn nobody_who_looks_no_price() {
    let counting = Counting::default();
    let calls = || counting.0.load(Ordering::Relaxed);
    let run = async |callbacks: Callbacks| {
        let layer = CallbackLayer::new(callbacks).prices(counting.clone());
        let mut model = layer.layer(ScriptedModel::new(script()));
        read(model.call(ChatRequest::new("x")).await.unwrap()).await;
    };
    run(Callbacks::new()).await;
    run(Callbacks::new().inline(on_llm_start(|_, _| ()))).await;
    run(Callbacks::new().inline(on_llm_new_token(|_, _| ()))).await;
    assert_eq!(calls(), 0);
    run(Callbacks::new().inline(on_llm_end(|_, _| ())).inline(on_llm_end(|_, _| ()))).await;
    assert_eq!(calls(), 1);
}

#[tokio::test]
async fn a_source_that_panics_does_not_break_the_call() {
    let layer = CallbackLayer::new(Callbacks::new().inline(on_llm_end(|_, result| {
        assert_eq!(result.cost, None);
    })));
    let mut model = layer.prices(Counting::default()).layer(ScriptedModel::new(script()));
    let (chunks, error) = read(model.call(ChatRequest::new("bad")).await.unwrap()).await;
    assert!(error.is_none() && chunks.len() == 5, "{chunks:?}");
}
