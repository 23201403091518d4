use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Amount, Price, Usage};
use crate::run::RunType;

/// What a model call cost: [`LlmResult::cost`](super::LlmResult::cost).
///
/// Serialises to `{"currency":"USD","amount":"0.000231","estimated":false}`, with `"reported":true` if it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunCost {
    /// The currency of the prices.
    pub currency: Arc<str>,
    /// The amount, in units of the currency.
    pub amount: Amount,
    /// Whether any part of the usage is an estimate, or the provider charges a part of the call at a price that is not known, such
    /// as the tokens of Anthropic's fast mode, a [tier or searches without a price](Price::estimated). Then the amount may be too
    /// low.
    #[serde(default)]
    pub estimated: bool,
    /// Whether the provider itself reported the amount, so that it is not that of a table of prices.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reported: bool,
}

impl RunCost {
    /// Creates the cost of a call of a type, with its usage.
    pub(crate) fn new(
        Price { currency, amount, reported, estimated }: Price,
        run_type: RunType,
        (usage, usage_raw): (&Usage, Option<&Value>),
    ) -> Self {
        // A reported amount depends on no count. Content may have come after the report.
        let is_vague =
            || estimated || lacks_count(run_type, usage) || usage_raw.is_some_and(is_multiplied);
        let estimated = usage.source.is_estimated() || !reported && is_vague();
        Self { currency, amount, estimated, reported }
    }
}

/// Whether a count is missing on which the price of such a call depends.
fn lacks_count(run_type: RunType, usage: &Usage) -> bool {
    let generates = !matches!(run_type, RunType::Embedding | RunType::Rerank | RunType::Moderation);
    // Gemini has no count for an empty answer.
    let is_empty = usage.total_tokens.is_some() && usage.total_tokens == usage.input_tokens;
    usage.input_tokens.is_none() || generates && usage.output_tokens.is_none() && !is_empty
}

/// Whether the provider multiplies its prices for the call by what no source of prices knows: Anthropic for its fast mode and
/// for a place. `service_tier` is in the prices.
///
/// Source: "Fast mode" and "Data residency" in Anthropic's documentation.
fn is_multiplied(usage_raw: &Value) -> bool {
    let other = |name: &str, usual: &[&str]| {
        let value = usage_raw.get(name).and_then(Value::as_str);
        value.is_some_and(|value| !usual.contains(&value))
    };
    other("speed", &["", "standard"]) || other("inference_geo", &["", "global", "not_available"])
}
