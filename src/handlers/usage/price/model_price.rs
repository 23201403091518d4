use crate::{event::Usage, handlers::usage::Amount};

/// The prices of a model's tokens, in millionths of a millionth of the currency's unit for one token, which are
/// millionths of the unit for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

impl ModelPrice {
    /// Creates a price in which cached input costs as much as input, and reasoning as much as output.
    pub fn new(input: u64, output: u64) -> Self {
        Self { input, output, cache_read: input, cache_write: input, reasoning: output }
    }

    /// Returns the cost of a usage. Each token is charged once: cached tokens are part of the input, and reasoning
    /// is part of the output.
    pub fn cost(&self, usage: &Usage) -> Amount {
        let [input, output] =
            [usage.input_tokens, usage.output_tokens].map(Option::unwrap_or_default);
        // If a provider reports a part that is larger than the whole, the whole counts.
        let read = usage.cache_read_tokens.unwrap_or(0).min(input);
        let write = usage.cache_write_tokens.unwrap_or(0).min(input - read);
        let fresh = input - read - write;
        let reasoning = usage.reasoning_tokens.unwrap_or(0).min(output);
        let output = output - reasoning;
        [
            (fresh, self.input),
            (read, self.cache_read),
            (write, self.cache_write),
            (output, self.output),
            (reasoning, self.reasoning),
        ]
        .into_iter()
        .fold(Amount::ZERO, |sum, (tokens, price)| sum.plus(times(tokens, price)))
    }

    /// Returns the cost of tokens as output.
    pub(in crate::handlers::usage) fn of_output(&self, tokens: u64) -> Amount {
        times(tokens, self.output)
    }
}

/// Multiplies without overflow.
fn times(tokens: u64, price: u64) -> Amount {
    Amount::from_pico(u128::from(tokens) * u128::from(price))
}
