//! Reads a price table. Numbers are parsed from their text, since floats would round them.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{ModelPrice, PriceTableError, pattern::Pattern};
use crate::handlers::usage::amount::decimal;

/// Decimal places of prices for a million tokens, so that prices for one token are whole pico-units.
const DECIMALS: usize = 6;

type ReadResult<T> = Result<T, PriceTableError>;

pub(super) struct Table {
    pub(super) currency: Arc<str>,
    pub(super) names: HashMap<String, ModelPrice>,
    /// In the order in which they are tried.
    pub(super) patterns: Vec<Pattern>,
}

/// The members of an object in order, including duplicate keys.
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

fn error<T>(message: String) -> ReadResult<T> {
    Err(PriceTableError::new(message))
}

pub(super) fn table(json: &str) -> ReadResult<Table> {
    let json = json.strip_prefix('\u{feff}').unwrap_or(json);
    let (mut currency, mut models) = (None, None);
    for (key, value) in members(json, "the price table")? {
        match key.as_str() {
            "currency" => currency = Some(value),
            "models" => models = Some(value),
            _ => {
                return error(format!(
                    "unknown key {key:?} in the price table: expected `currency` or `models`"
                ));
            }
        }
    }
    let text = currency.and_then(text).filter(|currency| !currency.is_empty());
    let Some(currency) = text else {
        let found = currency.map_or("missing", RawValue::get);
        return error(format!("`currency` is {found}: expected a string such as \"USD\""));
    };
    let Some(models) = models else {
        return error("`models` is missing: expected an object with a price for each model".into());
    };
    let mut table =
        Table { currency: currency.into(), names: HashMap::new(), patterns: Vec::new() };
    for (model, price) in members(models.get(), "`models`")? {
        let price = read_price(&model, price.get())?;
        match model.split_once('*') {
            None => drop(table.names.insert(model, price)),
            Some((_, after)) if after.contains('*') => {
                return error(format!(
                    "the model pattern {model:?} has several `*`: expected one, which matches any text"
                ));
            }
            Some((before, after)) => table.patterns.push(Pattern::new(before, after, price)),
        }
    }
    table.patterns.sort_by_key(Pattern::order);
    Ok(table)
}

fn read_price(model: &str, json: &str) -> ReadResult<ModelPrice> {
    const KEYS: [&str; 5] = ["input", "output", "cache_read", "cache_write", "reasoning"];
    let mut prices = [None; KEYS.len()];
    for (key, value) in members(json, &format!("the price of model {model:?}"))? {
        let Some(at) = KEYS.iter().position(|known| *known == key) else {
            let known = KEYS.join("`, `");
            return error(format!(
                "unknown key {key:?} in the price of model {model:?}: expected `{known}`"
            ));
        };
        prices[at] = Some(number(model, &key, value)?);
    }
    let [input, output, cache_read, cache_write, reasoning] = prices;
    let (Some(input), Some(output)) = (input, output) else {
        let key = if input.is_none() { "input" } else { "output" };
        return error(format!(
            "`{key}` of model {model:?} is missing: expected the price of a million tokens, 0 if they are free"
        ));
    };
    Ok(ModelPrice {
        cache_read: cache_read.unwrap_or(input),
        cache_write: cache_write.unwrap_or(input),
        reasoning: reasoning.unwrap_or(output),
        ..ModelPrice::new(input, output)
    })
}

fn number(model: &str, key: &str, value: &RawValue) -> ReadResult<u64> {
    let digits = text(value).map_or(Cow::Borrowed(value.get()), Cow::Owned);
    let price = decimal(&digits, DECIMALS).and_then(|price| u64::try_from(price).ok());
    price.map_or_else(
        || {
            error(format!(
                "`{key}` of model {model:?} is {value}: expected the price of a million tokens as a decimal such as 2.50, \
                 without sign and exponent, with at most {DECIMALS} decimal places"
            ))
        },
        Ok,
    )
}

fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Reads the members of an object, whose keys must be distinct.
fn members<'a>(json: &'a str, what: &str) -> ReadResult<Vec<(String, &'a RawValue)>> {
    let Members(members) = serde_json::from_str(json).map_err(|error| {
        PriceTableError::new(format!("{what} is not a valid JSON object")).with_source(error)
    })?;
    let mut keys = HashSet::new();
    for (key, _) in &members {
        if !keys.insert(key) {
            return error(format!("duplicate key {key:?} in {what}: remove one of them"));
        }
    }
    Ok(members)
}
