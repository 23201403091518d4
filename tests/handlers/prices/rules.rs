//! The own table: lifetimes of caches, long inputs, service tiers, times of day.

use tower_llm_callbacks::{
    Usage,
    event::{PriceSource, PricedCall},
    handlers::PriceTable,
};

use super::{amount, at, table};

const TABLE: &str = r#"{"currency": "USD", "models": {
    "m": {
        "input": 1, "output": 10, "cache_read": 0.1, "cache_write": 1.25, "cache_write_1h": 2,
        "above": {
            "200000": {"input": 2, "output": 15, "cache_write_1h": 4},
            "1000000": {"input": 3}
        },
        "service_tier": {
            "flex": {"input": "0.5", "output": 5},
            "priority": {"input": 4, "output": 40, "above": {"200000": {"input": 8}}}
        },
        "hours": {"16:30-00:30": {"output": 6}, "03:00-24:00": {"reasoning": 7}}
    },
    "plain": {"input": 1, "output": 2, "above": {"10": {"input": 3, "output": 4}}}
}}"#;

#[track_caller]
fn cost(model: &str, usage: &Usage, hour: (u64, u64)) -> String {
    let mut call = PricedCall::new("any", Some(model), usage);
    call.time = at(hour.0, hour.1);
    table(TABLE).price_of(&call).unwrap().amount.to_string()
}

fn tier(mut usage: Usage, tier: &str) -> Usage {
    usage.service_tier = Some(tier.into());
    usage
}

const NIGHT: (u64, u64) = (1, 0);

#[test]
fn cache_writes_cost_by_lifetime() {
    let mut usage = Usage::new(1_000, 0).cached(200, 600);
    usage.cache_writes = [("1h".into(), 300), ("5m".into(), 100)].into();
    // 200 fresh, 200 × 0.1, 300 × 2, 300 × 1.25.
    assert_eq!(cost("m", &usage, NIGHT), "0.001195");
    // More by lifetime than in all: no token counts twice.
    usage.cache_writes = [("1h".into(), 900)].into();
    assert_eq!(cost("m", &usage, NIGHT), "0.00142");
    // Typed models may report the parts only.
    usage.cache_write_tokens = None;
    usage.cache_writes = [("24h".into(), 600)].into();
    assert_eq!(cost("m", &usage, NIGHT), "0.00097");
}

#[test]
fn a_long_input_has_another_price_from_its_first_token_on() {
    assert_eq!(cost("m", &Usage::new(200_000, 1_000), NIGHT), "0.21");
    assert_eq!(cost("m", &Usage::new(200_001, 1_000), NIGHT), "0.415002");
    assert_eq!(cost("m", &Usage::new(1_000_001, 0), NIGHT), "3.000003");
    // What nobody names follows the input and the output that apply.
    let cached = Usage::new(11, 10).cached(11, None).reasoning(10);
    assert_eq!(cost("plain", &cached, NIGHT), "0.000073");
    // What is named stays: 200,001 × 0.1.
    assert_eq!(cost("m", &Usage::new(200_001, 0).cached(200_001, None), NIGHT), "0.0200001");
}

#[test]
fn the_tier_is_the_one_that_was_used() {
    let usage = Usage::new(100_000, 1_000);
    assert_eq!(cost("m", &tier(usage.clone(), "default"), NIGHT), "0.11");
    assert_eq!(cost("m", &tier(usage.clone(), "flex"), NIGHT), "0.055");
    assert_eq!(cost("m", &tier(usage, "PRIORITY"), NIGHT), "0.44");
    let long = Usage::new(300_000, 0);
    // Long inputs come after the tier, and those inside of the tier before them.
    assert_eq!(cost("m", &tier(long.clone(), "flex"), NIGHT), "0.6");
    assert_eq!(cost("m", &tier(long, "priority"), NIGHT), "0.6");
}

#[test]
fn the_time_of_day_is_that_of_the_start_in_utc() {
    let usage = Usage::new(0, 1_000).reasoning(500);
    for (hour, minute, expected) in [
        (16, 29, "0.0085"),
        (16, 30, "0.0065"),
        (0, 0, "0.006"),
        (0, 29, "0.006"),
        (0, 30, "0.01"),
        (2, 59, "0.01"),
        (3, 0, "0.0085"),
    ] {
        assert_eq!(cost("m", &usage, (hour, minute)), expected, "{hour}:{minute}");
    }
    // Without a time, those of the day do not apply.
    assert_eq!(table(TABLE).price("m").unwrap().cost(&usage), amount("0.01"));
}

#[test]
fn rates_are_those_of_tier_and_input() {
    let rates = |usage: Usage| {
        let mut call = PricedCall::new("any", Some("m"), &usage);
        call.time = at(1, 0);
        let rates = table(TABLE).rates(&call).unwrap();
        (rates.input.to_string(), rates.of_output(3).to_string())
    };
    assert_eq!(rates(Usage::default()), ("1".into(), "0.00003".into()));
    assert_eq!(rates(tier(Usage::default(), "flex")), ("0.5".into(), "0.000015".into()));
    assert_eq!(rates(Usage::new(200_001, None)), ("2".into(), "0.000045".into()));
}

#[test]
fn errors_say_where_and_what() {
    for (price, expected) in [
        (
            r#""above": {"200k": {}}"#,
            r#""200k" in `above` of model "m" is invalid: expected a number of input tokens such as "200000""#,
        ),
        (
            r#""hours": {"9-17": {}}"#,
            r#""9-17" in `hours` of model "m" is invalid: expected a time of day in UTC such as "16:30-00:30""#,
        ),
        (
            r#""service_tier": {"": {}}"#,
            r#""" in `service_tier` of model "m" is invalid: expected the provider's word for a tier such as "flex""#,
        ),
        (
            r#""above": {"5": {"inptu": 1}}"#,
            r#"unknown key "inptu" in the price of model "m", `above` "5": expected `input`, `output`, `cache_read`, `cache_write`, `reasoning`, `cache_write_1h`, `service_tier`, `hours`"#,
        ),
        (
            r#""service_tier": {"flex": {"output": -1}}"#,
            r#"`output` of model "m", `service_tier` "flex" is -1: expected the price of a million tokens as a decimal such as 2.50, without sign and exponent, with at most 6 decimal places"#,
        ),
        (r#""cache_write_": 1"#, r#"unknown key "cache_write_" in the price of model "m""#),
        (
            r#""above": {"5": {"above": {}}}"#,
            r#"unknown key "above" in the price of model "m", `above` "5""#,
        ),
        (r#""above": 5"#, r#"`above` of model "m" is not a valid JSON object"#),
    ] {
        let json = format!(
            r#"{{"currency": "USD", "models": {{"m": {{"input": 1, "output": 2, {price}}}}}}}"#
        );
        let error = json.parse::<PriceTable>().unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}
