//! Reading a price table. Numbers are read as they are written: a float would be another number.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    fmt,
};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{ModelPrice, PriceTableError, pattern::Pattern, table::Table};
use crate::handlers::usage::amount::decimal;

/// For a million tokens: so prices for one are whole millionths of a millionth.
const DECIMALS: usize = 6;

type Outcome<T> = Result<T, PriceTableError>;

/// The members of an object as they are written, those included that come twice.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Object).map(Self)
    }
}

pub(super) fn table(json: &str) -> Outcome<Table> {
    let json = json.strip_prefix('\u{feff}').unwrap_or(json);
    let (mut currency, mut models) = (None, None);
    for (key, value) in members(json, "the price table")? {
        match key.as_str() {
            "currency" => currency = Some(text(value)),
            "models" => models = Some(value),
            _ => {
                let message = "is not known: a price table has `currency` and `models`";
                return Err(PriceTableError::new(format!("the key {key:?} {message}")));
            }
        }
    }
    let Some(currency) = currency.flatten().filter(|currency| !currency.is_empty()) else {
        let message = r#"the price table must say what its prices are in, as in "currency": "USD""#;
        return Err(PriceTableError::new(message));
    };
    let Some(models) = models else {
        let message = r#"the price table has no "models": an object with a member for each model"#;
        return Err(PriceTableError::new(message));
    };
    let mut table =
        Table { currency: currency.into(), names: HashMap::new(), patterns: Vec::new() };
    for (model, price) in members(models.get(), "`models`")? {
        let price = read_price(&model, price.get())?;
        match model.split_once('*') {
            None => drop(table.names.insert(model, price)),
            Some((_, after)) if after.contains('*') => {
                let message = "has several `*`: a pattern has one, which stands for any text";
                return Err(PriceTableError::new(format!("the model {model:?} {message}")));
            }
            Some((before, after)) => table.patterns.push(Pattern::new(before, after, price)),
        }
    }
    table.patterns.sort_by_key(Pattern::order);
    Ok(table)
}

fn read_price(model: &str, json: &str) -> Outcome<ModelPrice> {
    const KEYS: [&str; 5] = ["input", "output", "cache_read", "cache_write", "reasoning"];
    let mut prices = [None; KEYS.len()];
    for (key, value) in members(json, &format!("the model {model:?}"))? {
        let Some(at) = KEYS.iter().position(|known| *known == key) else {
            let known = KEYS.join("`, `");
            let message = format!(
                "the key {key:?} of the model {model:?} is not known: a price has `{known}`"
            );
            return Err(PriceTableError::new(message));
        };
        prices[at] = Some(number(model, &key, value)?);
    }
    let [input, output, cache_read, cache_write, reasoning] = prices;
    let (Some(input), Some(output)) = (input, output) else {
        let missing = if input.is_none() { "input" } else { "output" };
        let message = format!(
            "the model {model:?} has no `{missing}`: give its price for a million tokens, 0 if it is free"
        );
        return Err(PriceTableError::new(message));
    };
    Ok(ModelPrice {
        cache_read: cache_read.unwrap_or(input),
        cache_write: cache_write.unwrap_or(input),
        reasoning: reasoning.unwrap_or(output),
        ..ModelPrice::new(input, output)
    })
}

fn number(model: &str, key: &str, value: &RawValue) -> Outcome<u64> {
    let written = match text(value) {
        Some(text) => Cow::Owned(text),
        None => Cow::Borrowed(value.get()),
    };
    decimal(&written, DECIMALS).and_then(|price| u64::try_from(price).ok()).ok_or_else(|| {
        let price = value.get();
        PriceTableError::new(format!(
            "`{key}` of the model {model:?} is {price}: write a decimal such as 2.50, without sign and exponent and of at most {DECIMALS} decimals, the price of a million tokens"
        ))
    })
}

fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// The members of an object, each of which may be there once.
fn members<'a>(json: &'a str, what: &str) -> Outcome<Vec<(String, &'a RawValue)>> {
    let Members(members) = serde_json::from_str(json)
        .map_err(|error| PriceTableError::new(format!("{what} is not as expected: {error}")))?;
    let mut keys = HashSet::new();
    for (key, _) in &members {
        if !keys.insert(key) {
            let message = format!("the key {key:?} is in {what} twice: leave one of them");
            return Err(PriceTableError::new(message));
        }
    }
    Ok(members)
}
