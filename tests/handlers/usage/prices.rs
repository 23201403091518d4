//! Costs are exact, and each token is counted once.

use proptest::prelude::*;
use support::read;
use tower::{Layer, Service};
use tower_llm_callbacks::{
    Delta, Usage,
    chat::ChatRequest,
    handlers::{Amount, Cost, ModelPrice, PriceTable, UsageTotals},
    testing::{Script, ScriptedModel},
};

use super::{answer_of, by, layer, report, run};

fn table(json: &str) -> PriceTable {
    json.parse().unwrap()
}

const TABLE: &str = r#"{"currency": "USD", "models": {
    "claude-*": {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75},
    "gpt-5": {"input": "1.25", "output": "10", "cache_read": "0.125", "reasoning": "12"},
    "free": {"input": 0, "output": 0}
}}"#;

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

async fn cost(script: Script) -> Cost {
    let totals = UsageTotals::builder().prices(table(TABLE)).build();
    run(&layer(&totals), script).await;
    let snapshot = totals.snapshot();
    assert_eq!(snapshot.currency.as_deref(), Some("USD"));
    snapshot.total.cost.unwrap()
}

#[tokio::test]
async fn each_token_is_priced_once() {
    // 1,000 uncached, 600 cache reads, 400 cache writes; 50 output tokens.
    let usage = Usage::new(2_000, 50).cached(600, 400);
    let script = by("claude-x", Script::new().respond().chunk(report(usage)));
    let cost_ = cost(script.complete("stop")).await;
    assert_eq!(cost_.total(), amount("0.00543"));
    assert_eq!(cost_.estimated, Amount::ZERO);
    // Reasoning tokens have a price of their own, and are not also charged as output.
    let usage = Usage::new(100, 50).cached(100, 0).reasoning(30);
    let script = by("gpt-5", Script::new().respond().chunk(report(usage)));
    // 100 × 0.125 + 20 × 10 + 30 × 12
    assert_eq!(cost(script.complete("stop")).await.reported, amount("0.0005725"));
}

#[tokio::test]
async fn emitted_tokens_are_priced_as_output_and_kept_apart() {
    let begun = by("claude-x", Script::new().respond()).chunk(report(Usage::new(10, 1)));
    let cost_ = cost(begun.text("a").text("b").text("c").fail("reset")).await;
    assert_eq!((cost_.reported, cost_.estimated), (amount("0.00003"), amount("0.000045")));
    assert_eq!(cost_.total(), amount("0.000075"));
    let silent = by("claude-x", Script::new().respond()).text("a").complete("stop");
    let cost_ = cost(silent).await;
    assert_eq!((cost_.reported, cost_.estimated), (Amount::ZERO, amount("0.000015")));
}

#[tokio::test]
async fn models_without_a_price_are_named() {
    let totals = UsageTotals::builder().by_model().prices(table(TABLE)).build();
    let layer = layer(&totals);
    run(&layer, answer_of("who?", 5, 5)).await;
    run(&layer, answer_of("who?", 5, 5)).await;
    run(&layer, answer_of("free", 5, 5)).await;
    // This run has no usage.
    run(&layer, by("nobody", Script::new().respond()).fail("reset")).await;
    let snapshot = totals.snapshot();
    let cost = snapshot.total.cost.unwrap();
    assert_eq!((cost.total(), cost.unpriced_runs), (Amount::ZERO, 2));
    let names: Vec<_> = snapshot.unpriced_models.iter().map(|name| &**name).collect();
    assert_eq!((names, snapshot.more_unpriced_models), (vec!["who?"], false));
    let free = snapshot.group(&[("model", "free")]).unwrap().counts.cost.unwrap();
    assert_eq!(free, Cost::default());

    for model in 0..150 {
        run(&layer, answer_of(&format!("model-{model}"), 1, 1)).await;
    }
    let snapshot = totals.take();
    assert_eq!((snapshot.unpriced_models.len(), snapshot.more_unpriced_models), (100, true));
    assert!(totals.snapshot().unpriced_models.is_empty());
}

#[tokio::test]
async fn the_response_models_price_applies_or_the_requested_ones() {
    for (requested, answered, price) in [
        ("who?", Some("gpt-5"), Some("0.0000125")),
        ("gpt-5", Some("who?"), Some("0.0000125")),
        ("gpt-5", Some("free"), Some("0")),
        ("gpt-5", None, Some("0.0000125")),
        ("who?", None, None),
    ] {
        let totals = UsageTotals::builder().prices(table(TABLE)).build();
        let script = Script::new().respond().chunk(report(Usage::new(2, 1)));
        let script = match answered {
            Some(model) => by(model, script),
            None => script,
        };
        let mut model = layer(&totals).layer(ScriptedModel::new(script.complete("stop")));
        read(model.call(ChatRequest::new(requested)).await.unwrap()).await;
        let cost = totals.snapshot().total.cost.unwrap();
        assert_eq!(cost.unpriced_runs, u64::from(price.is_none()));
        assert_eq!(cost.total(), amount(price.unwrap_or("0")), "{requested} {answered:?}");
    }
}

#[tokio::test]
async fn without_prices_there_is_no_cost() {
    let totals = UsageTotals::new();
    run(&layer(&totals), answer_of("gpt-5", 1, 1)).await;
    let snapshot = totals.snapshot();
    assert!(snapshot.total.cost.is_none() && snapshot.currency.is_none());
    let cost = serde_json::json!(Cost::default());
    assert_eq!(cost, serde_json::json!({"reported": "0", "estimated": "0", "unpriced_runs": 0}));
}

#[test]
fn nothing_overflows() {
    let price = ModelPrice::new(u64::MAX, u64::MAX);
    let usage = Usage::new(u64::MAX, u64::MAX).cached(u64::MAX, u64::MAX).reasoning(u64::MAX);
    assert_eq!(price.cost(&usage), Amount::MAX);
    assert_eq!(Amount::MAX.plus(Amount::MAX), Amount::MAX);
    assert_eq!(Amount::ZERO.minus(Amount::MAX), Amount::ZERO);
    let _ = Delta::Done;
}

/// A price in millionths, and its JSON form.
fn price_as_json() -> impl Strategy<Value = (u64, String)> {
    (0..5_000_000_000_u64, any::<bool>(), 0..3_usize).prop_map(|(price, quoted, zeros)| {
        let (whole, fraction) = (price / 1_000_000, price % 1_000_000);
        let fraction = format!("{fraction:06}");
        let fraction = fraction.trim_end_matches('0').to_owned() + &"0".repeat(zeros);
        let text =
            if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") };
        (price, if quoted { format!("\"{text}\"") } else { text })
    })
}

/// A fraction.
#[derive(Debug, Clone, Copy)]
struct Rational(u128, u128);

impl Rational {
    fn plus(self, other: Self) -> Self {
        Self(self.0 * other.1 + other.0 * self.1, self.1 * other.1).reduced()
    }

    fn reduced(self) -> Self {
        let (mut a, mut b) = (self.0.max(1), self.1);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        if self.0 == 0 { Self(0, 1) } else { Self(self.0 / a, self.1 / a) }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Costs computed from parsed prices equal exact fractions.
    #[test]
    fn costs_are_exact(
        prices in proptest::array::uniform5(price_as_json()),
        optional in proptest::array::uniform3(any::<bool>()),
        input in 0..1_000_000_u64,
        output in 0..1_000_000_u64,
        parts in proptest::array::uniform3(0..1_200_000_u64),
    ) {
        let [input_price, output_price, rest @ ..] = &prices;
        let mut json = format!(r#"{{"input": {}, "output": {}"#, input_price.1, output_price.1);
        let mut wanted = [input_price.0, input_price.0, output_price.0];
        for (at, name) in ["cache_read", "cache_write", "reasoning"].into_iter().enumerate() {
            if optional[at] {
                json += &format!(r#", "{name}": {}"#, rest[at].1);
                wanted[at] = rest[at].0;
            }
        }
        let table = table(&format!(r#"{{"currency": "X", "models": {{"m": {json}}}}}}}"#));
        let price = table.price("m").unwrap();
        let usage = Usage::new(input, output).cached(parts[0], parts[1]).reasoning(parts[2]);

        let read = parts[0].min(input);
        let write = parts[1].min(input - read);
        let thought = parts[2].min(output);
        let naive = [
            (input - read - write, input_price.0),
            (read, wanted[0]),
            (write, wanted[1]),
            (output - thought, output_price.0),
            (thought, wanted[2]),
        ]
        .into_iter()
        // The number of tokens times the price in millionths per million tokens.
        .map(|(tokens, price)| Rational(u128::from(tokens) * u128::from(price), 1_000_000_000_000).reduced())
        .fold(Rational(0, 1), Rational::plus);

        let cost = price.cost(&usage);
        let exact = Rational(cost.pico(), 1_000_000_000_000).reduced();
        prop_assert_eq!((exact.0, exact.1), (naive.0, naive.1));
        // The displayed amount parses to the same amount.
        prop_assert_eq!(cost.to_string().parse::<Amount>().unwrap(), cost);
    }

    #[test]
    fn displayed_amounts_parse_to_the_same_amount(pico in any::<u128>()) {
        let amount = Amount::from_pico(pico);
        prop_assert_eq!(amount.to_string().parse::<Amount>().unwrap(), amount);
    }

    #[test]
    fn any_text_parses_or_is_refused(text in "[-+0-9.e ]{0,45}") {
        if let Ok(amount) = text.parse::<Amount>() {
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
            prop_assert!(amount.to_string().len() <= text.len());
        }
    }
}

#[test]
fn amounts_are_decimals() {
    for (text, shown) in [
        ("0", "0"),
        ("00", "0"),
        ("0.000000000001", "0.000000000001"),
        ("1.50", "1.5"),
        ("10", "10"),
        ("340282366920938463463374607.431768211455", "340282366920938463463374607.431768211455"),
        ("1.0000000000000", "1"),
    ] {
        assert_eq!(text.parse::<Amount>().unwrap().to_string(), shown);
    }
    for text in [
        "",
        ".",
        "1.",
        ".5",
        "-1",
        "+1",
        "1e3",
        "1,5",
        " 1",
        "1 ",
        "0.0000000000001",
        "NaN",
        "1.2.3",
        "340282366920938463463374607.431768211456",
        "٣",
    ] {
        let error = text.parse::<Amount>().unwrap_err().to_string();
        assert!(error.contains("expected a decimal such as 2.50"), "{text}: {error}");
    }
    assert_eq!(format!("{:?}", amount("2.50")), "Amount(2.5)");
    assert_eq!(serde_json::json!(amount("2.50")), serde_json::json!("2.5"));
}
