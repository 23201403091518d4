use serde_json::Value;

use super::{Amount, Price, PricedCall};

/// The currency of all costs that providers report.
const CURRENCY: &str = "USD";

/// What one of xAI's ticks is: 10^10 of them are a dollar.
const TICK: u128 = 100;

impl PricedCall<'_> {
    /// Returns the cost that the provider itself reports, in US dollars: OpenRouter's and LiteLLM's `cost`, Perplexity's
    /// `cost.total_cost` and xAI's `cost_in_usd_ticks`, in the provider's own usage object. It has the discounts, tools and
    /// fees that no table of prices knows.
    ///
    /// `None` if there is none. A cost of zero counts as none, for proxies send it where they have no price.
    ///
    /// ```
    /// use serde_json::json;
    /// use tower_llm_callbacks::{Usage, event::PricedCall};
    ///
    /// let (usage, raw) = (Usage::new(17, 12), json!({"prompt_tokens": 17, "cost": 0.00165}));
    /// let mut call = PricedCall::new("openrouter", Some("x-ai/grok-4"), &usage);
    /// call.usage_raw = Some(&raw);
    /// assert_eq!(call.reported_cost().expect("a cost").amount.to_string(), "0.00165");
    /// ```
    // Sources: "Usage Accounting" in OpenRouter's documentation, "Cost Tracking" in xAI's, `UsageInfo` in Perplexity's API
    // reference.
    pub fn reported_cost(&self) -> Option<Price> {
        let raw = self.usage_raw?;
        let amount = match &raw["cost"] {
            Value::Object(parts) => dollars(parts.get("total_cost")?),
            // With the caller's own key OpenRouter charges a fee only, and the provider the rest.
            cost if raw["is_byok"] == true => {
                dollars(&raw["cost_details"]["upstream_inference_cost"])
                    .map(|upstream| upstream.plus(dollars(cost).unwrap_or_default()))
            }
            cost => dollars(cost),
        };
        let ticks =
            || raw["cost_in_usd_ticks"].as_u64().map(|it| Amount::from_pico(TICK * u128::from(it)));
        let amount = amount.or_else(ticks).filter(|amount| *amount > Amount::ZERO)?;
        Some(Price { reported: true, ..Price::new(CURRENCY, amount) })
    }
}

/// Reads an amount: a number, or a number as a text.
fn dollars(value: &Value) -> Option<Amount> {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
    Amount::from_f64(number?)
}
