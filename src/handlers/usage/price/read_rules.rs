//! Reads the prices of a model. Numbers are parsed from their text, since floats would round them.

use std::{borrow::Cow, sync::Arc};

use serde_json::value::RawValue;

use super::{
    ModelPrice,
    hours::Hours,
    json::{ReadResult, error, members, text},
    rules::{Condition, Rules},
};
use crate::event::decimal;

/// Decimal places of prices for a million tokens, so that prices for one token are whole pico-units.
const DECIMALS: usize = 6;

pub(super) fn read_price(model: &str, json: &str) -> ReadResult<ModelPrice> {
    let rules = rules(&format!("model {model:?}"), json, &[])?;
    let (Some(input), Some(output)) = (rules.named.input, rules.named.output) else {
        let key = if rules.named.input.is_none() { "input" } else { "output" };
        return error(format!(
            "`{key}` of model {model:?} is missing: expected the price of a million tokens, 0 if they are free"
        ));
    };
    let mut price = ModelPrice::named(rules.named.clone(), input, output);
    price.rules = (!rules.variants.is_empty()).then(|| Arc::new(rules));
    Ok(price)
}

/// The keys of prices, but for those of lifetimes.
const PRICES: [&str; 5] = ["input", "output", "cache_read", "cache_write", "reasoning"];
/// The keys of conditions.
const CONDITIONS: [&str; 3] = ["above", "service_tier", "hours"];
/// The beginning of the keys of cache writes by lifetime.
const LIFETIME: &str = "cache_write_";

/// Reads the prices of a model, or of a place in them that is inside of the conditions `around`.
fn rules(of: &str, json: &str, around: &[&str]) -> ReadResult<Rules> {
    let mut rules = Rules::default();
    for (key, value) in members(json, &format!("the price of {of}"))? {
        let named = &mut rules.named;
        let place = match key.as_str() {
            "input" => &mut named.input,
            "output" => &mut named.output,
            "cache_read" => &mut named.cache_read,
            "cache_write" => &mut named.cache_write,
            "reasoning" => &mut named.reasoning,
            key => {
                if let Some(lifetime) = key.strip_prefix(LIFETIME).filter(|it| is_lifetime(it)) {
                    named.cache_writes.insert(lifetime.into(), number(of, key, value)?);
                } else if CONDITIONS.contains(&key) && !around.contains(&key) {
                    let around = [around, &[key]].concat();
                    for (when, inner) in members(value.get(), &format!("`{key}` of {of}"))? {
                        let condition = condition(of, key, &when)?;
                        let of = format!("{of}, `{key}` {when:?}");
                        let inner = self::rules(&of, inner.get(), &around)?;
                        rules.variants.push((condition, inner));
                    }
                } else {
                    let known: Vec<_> =
                        PRICES.into_iter().chain(["cache_write_1h"]).chain(CONDITIONS).collect();
                    let known = known.into_iter().filter(|known| !around.contains(known));
                    let known = known.collect::<Vec<_>>().join("`, `");
                    return error(format!(
                        "unknown key {key:?} in the price of {of}: expected `{known}`"
                    ));
                }
                continue;
            }
        };
        *place = Some(number(of, &key, value)?);
    }
    rules.variants.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(rules)
}

/// Whether a text is a duration such as `5m` and `1h`.
fn is_lifetime(text: &str) -> bool {
    let number = text.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
    !number.is_empty()
        && number.len() < text.len()
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn condition(of: &str, key: &str, when: &str) -> ReadResult<Condition> {
    let (condition, expected) = match key {
        "above" => {
            let digits = !when.is_empty() && when.bytes().all(|byte| byte.is_ascii_digit());
            let tokens = when.parse().ok().filter(|_| digits);
            (tokens.map(Condition::Above), "a number of input tokens such as \"200000\"")
        }
        "service_tier" => {
            let tier = (!when.is_empty()).then(|| Condition::ServiceTier(when.into()));
            (tier, "the provider's word for a tier such as \"flex\"")
        }
        _ => (
            Hours::read(when).map(Condition::Hours),
            "a time of day in UTC such as \"16:30-00:30\"",
        ),
    };
    condition.map_or_else(
        || error(format!("{when:?} in `{key}` of {of} is invalid: expected {expected}")),
        Ok,
    )
}

fn number(of: &str, key: &str, value: &RawValue) -> ReadResult<u64> {
    let digits = text(value).map_or(Cow::Borrowed(value.get()), Cow::Owned);
    let price = decimal(&digits, DECIMALS).and_then(|price| u64::try_from(price).ok());
    price.map_or_else(
        || {
            error(format!(
                "`{key}` of {of} is {value}: expected the price of a million tokens as a decimal such as 2.50, \
                 without sign and exponent, with at most {DECIMALS} decimal places"
            ))
        },
        Ok,
    )
}
