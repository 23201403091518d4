use crate::{event::Usage, handlers::usage::Amount};

/// What the tokens of a model cost: each price in millionths of a millionth of the currency for one token,
/// which is millionths of the currency for a million of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelPrice {
    /// Of input tokens that are neither read from nor written to a cache.
    pub input: u64,
    /// Of output tokens that are not reasoning.
    pub output: u64,
    /// Of input tokens read from a cache.
    pub cache_read: u64,
    /// Of input tokens written to a cache.
    pub cache_write: u64,
    /// Of output tokens that are reasoning.
    pub reasoning: u64,
}

impl ModelPrice {
    /// Prices of input and output, which are those of cached input and of reasoning too.
    pub fn new(input: u64, output: u64) -> Self {
        Self { input, output, cache_read: input, cache_write: input, reasoning: output }
    }

    /// What a usage costs. Each token is paid for once: cached ones are parts of the input, and reasoning is
    /// part of the output.
    pub fn cost(&self, usage: &Usage) -> Amount {
        // A provider that reports more of a part than of the whole is believed as far as the whole.
        let read = usage.cache_read_tokens.min(usage.input_tokens);
        let write = usage.cache_write_tokens.min(usage.input_tokens - read);
        let fresh = usage.input_tokens - read - write;
        let reasoning = usage.reasoning_tokens.min(usage.output_tokens);
        let output = usage.output_tokens - reasoning;
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

    /// What tokens cost as output.
    pub(in crate::handlers::usage) fn of_output(&self, tokens: u64) -> Amount {
        times(tokens, self.output)
    }
}

/// Never overflows.
fn times(tokens: u64, price: u64) -> Amount {
    Amount::from_pico(u128::from(tokens) * u128::from(price))
}
