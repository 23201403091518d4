//! Reads a price table.

use std::{collections::HashMap, sync::Arc};

use serde_json::value::RawValue;

use super::{
    ModelPrice,
    json::{ReadResult, error, members, text},
    pattern::Pattern,
    read_rules::read_price,
};

pub(super) struct Table {
    pub(super) currency: Arc<str>,
    pub(super) names: HashMap<String, ModelPrice>,
    /// In the order in which they are tried.
    pub(super) patterns: Vec<Pattern>,
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
