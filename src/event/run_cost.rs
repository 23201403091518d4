use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Amount, Usage};

/// What a model call cost: [`LlmResult::cost`](super::LlmResult::cost).
///
/// Serialises to `{"currency":"USD","amount":"0.000231","estimated":false}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunCost {
    /// The currency of the prices.
    pub currency: Arc<str>,
    /// The amount, in units of the currency.
    pub amount: Amount,
    /// Whether any part of the usage is an estimate.
    #[serde(default)]
    pub estimated: bool,
}

impl RunCost {
    /// Creates the cost of a usage.
    pub(crate) fn new(currency: Arc<str>, amount: Amount, usage: &Usage) -> Self {
        Self { currency, amount, estimated: is_estimated(usage) }
    }
}

/// Whether any part of a usage is not what the provider reported.
fn is_estimated(usage: &Usage) -> bool {
    // Gemini has no count for an empty answer.
    let is_empty = usage.total_tokens.is_some() && usage.total_tokens == usage.input_tokens;
    let is_missing = usage.input_tokens.is_none() || usage.output_tokens.is_none() && !is_empty;
    usage.source.is_estimated() || is_missing
}
