use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::SystemTime};

use super::rules::{Named, Rules};
use crate::event::{Amount, Usage};

/// The prices of a model's tokens, in millionths of a millionth of the currency's unit for one token, which are
/// millionths of the unit for a million tokens.
///
/// A price that was read from a [table](super::PriceTable) may have others for long inputs, service tiers and times of
/// day. The fields are those that apply otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelPrice {
    /// The price of input tokens that are neither read from nor written to a cache.
    pub input: u64,
    /// The price of output tokens that are not reasoning.
    pub output: u64,
    /// The price of input tokens read from a cache.
    pub cache_read: u64,
    /// The price of input tokens written to a cache.
    pub cache_write: u64,
    /// The price of output tokens that are reasoning.
    pub reasoning: u64,
    /// The prices of input tokens written to a cache by how long it keeps them, such as `1h`, where they differ from
    /// [`cache_write`](Self::cache_write).
    pub cache_writes: BTreeMap<Box<str>, u64>,
    /// `None` if the fields apply to every call.
    pub(super) rules: Option<Arc<Rules>>,
}

impl ModelPrice {
    /// Creates a price in which cached input costs as much as input, and reasoning as much as output.
    pub fn new(input: u64, output: u64) -> Self {
        Self {
            input,
            output,
            cache_read: input,
            cache_write: input,
            reasoning: output,
            cache_writes: BTreeMap::new(),
            rules: None,
        }
    }

    /// Creates the price that is named. What is not is that of input and of output.
    pub(super) fn named(named: Named, input: u64, output: u64) -> Self {
        Self {
            cache_read: named.cache_read.unwrap_or(input),
            cache_write: named.cache_write.unwrap_or(input),
            reasoning: named.reasoning.unwrap_or(output),
            cache_writes: named.cache_writes,
            ..Self::new(input, output)
        }
    }

    /// Returns the cost of a usage. Each token is charged once: cached tokens are part of the input, and reasoning
    /// is part of the output.
    ///
    /// The number of input tokens and the service tier are those of the usage. Prices by time of day do not apply.
    pub fn cost(&self, usage: &Usage) -> Amount {
        self.at(usage, None).flat_cost(usage)
    }

    /// Returns the cost of a usage of a call that started at a time.
    pub fn cost_at(&self, usage: &Usage, time: SystemTime) -> Amount {
        self.at(usage, Some(time)).flat_cost(usage)
    }

    /// Returns the prices that apply to a usage.
    pub(super) fn at(&self, usage: &Usage, time: Option<SystemTime>) -> Cow<'_, Self> {
        let Some(rules) = &self.rules else { return Cow::Borrowed(self) };
        let mut named = Named {
            input: Some(self.input),
            output: Some(self.output),
            cache_read: Some(self.cache_read),
            cache_write: Some(self.cache_write),
            reasoning: Some(self.reasoning),
            cache_writes: self.cache_writes.clone(),
        };
        // What the table does not name follows the input and output of the rule that applies.
        rules.named.forget_unnamed(&mut named);
        rules.apply(&mut named, usage, time);
        let (input, output) = (named.input, named.output);
        let (input, output) = (input.unwrap_or(self.input), output.unwrap_or(self.output));
        Cow::Owned(Self::named(named, input, output))
    }

    /// Whether a service tier has prices.
    pub(super) fn names_tier(&self, tier: &str) -> bool {
        self.rules.as_ref().is_some_and(|rules| rules.name_tier(tier))
    }

    fn flat_cost(&self, usage: &Usage) -> Amount {
        let [input, output] =
            [usage.input_tokens, usage.output_tokens].map(Option::unwrap_or_default);
        // If a provider reports a part that is larger than the whole, the whole counts.
        let read = usage.cache_read_tokens.unwrap_or(0).min(input);
        let by_lifetime = || usage.cache_writes.values().copied().fold(0, u64::saturating_add);
        let written = usage.cache_write_tokens.unwrap_or_else(by_lifetime).min(input - read);
        let fresh = input - read - written;
        let reasoning = usage.reasoning_tokens.unwrap_or(0).min(output);
        let output = output - reasoning;

        let mut sum = Amount::ZERO;
        let mut rest = written;
        for (lifetime, tokens) in &usage.cache_writes {
            let price = self.cache_writes.get(lifetime).copied().unwrap_or(self.cache_write);
            let tokens = (*tokens).min(rest);
            rest -= tokens;
            sum = sum.plus(times(tokens, price));
        }
        [
            (fresh, self.input),
            (read, self.cache_read),
            (rest, self.cache_write),
            (output, self.output),
            (reasoning, self.reasoning),
        ]
        .into_iter()
        .fold(sum, |sum, (tokens, price)| sum.plus(times(tokens, price)))
    }
}

/// Multiplies without overflow.
fn times(tokens: u64, price: u64) -> Amount {
    Amount::from_pico(u128::from(tokens) * u128::from(price))
}
