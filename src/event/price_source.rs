use std::{fmt, sync::Arc};

use super::{Amount, Price, PricedCall, Usage};

/// A source of prices: a table, a database of prices, or code of the application.
///
/// A layer with a source [prices its calls](crate::CallbackLayer::prices). A source is called when a run ends, where the
/// stream is polled: it must not block. A source that panics has no price for that call.
///
/// ```
/// use std::sync::Arc;
/// use tower_llm_callbacks::event::{Amount, Price, PriceSource, PricedCall};
///
/// /// One hundredth of a cent for each call.
/// #[derive(Debug)]
/// struct FlatRate;
///
/// impl PriceSource for FlatRate {
///     fn currency(&self) -> Arc<str> {
///         "USD".into()
///     }
///
///     fn price_of(&self, call: &PricedCall<'_>) -> Option<Price> {
///         call.models().next()?;
///         Some(Price::new("USD", Amount::from_pico(100_000_000)))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no prices of calls",
    note = "implement `PriceSource` for it, or use a `PriceTable` (feature `usage`) or `Prices` (feature `prices`)"
)]
pub trait PriceSource: fmt::Debug + Send + Sync + 'static {
    /// Returns the currency in which the source has prices. If it has several, the main one.
    fn currency(&self) -> Arc<str>;

    /// Returns the price of a call. `None` if the source has no price for its model.
    fn price_of(&self, call: &PricedCall<'_>) -> Option<Price>;

    /// Returns the prices of tokens of a call whose usage is not known yet. `None` if the source has no price for its
    /// model.
    ///
    /// By default they are derived from the prices of calls: of a thousand input tokens, and of a million output tokens
    /// with the input that the call's usage has.
    fn rates(&self, call: &PricedCall<'_>) -> Option<Rates> {
        const OUTPUT: u64 = 1_000_000;
        const INPUT: u64 = 1_000;
        let of = |input: u64, output: u64| {
            let mut usage = Usage::new(input, output);
            usage.service_tier.clone_from(&call.usage.service_tier);
            self.price_of(&call.with_usage(&usage))
        };
        let known = call.usage.input_tokens.unwrap_or(0);
        let (base, output) = (of(known, 0)?, of(known, OUTPUT)?);
        let (none, input) = (of(0, 0)?, of(INPUT, 0)?);
        // The second has more decimal places than an amount, but not than prices of a million tokens have.
        let input = input.amount.minus(none.amount).pico();
        Some(Rates {
            currency: base.currency,
            input: Amount::from_pico(input.saturating_mul(u128::from(OUTPUT / INPUT))),
            output: output.amount.minus(base.amount),
        })
    }
}

/// What tokens of a call cost before it is known how many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rates {
    /// The currency.
    pub currency: Arc<str>,
    /// The price of a million input tokens that are not cached.
    pub input: Amount,
    /// The price of a million output tokens.
    pub output: Amount,
}

impl Rates {
    /// Creates rates for a million tokens.
    pub fn new(currency: impl Into<Arc<str>>, input: Amount, output: Amount) -> Self {
        Self { currency: currency.into(), input, output }
    }

    /// Returns the price of output tokens, rounded up.
    pub fn of_output(&self, tokens: u64) -> Amount {
        of(self.output, tokens)
    }

    /// Returns the price of input tokens, rounded up.
    pub fn of_input(&self, tokens: u64) -> Amount {
        of(self.input, tokens)
    }

    /// Returns how many output tokens an amount pays for. `None` if they are free.
    pub fn affordable_output(&self, amount: Amount) -> Option<u64> {
        let millions = amount.pico().saturating_mul(MILLION);
        let tokens = millions.checked_div(self.output.pico())?;
        Some(u64::try_from(tokens).unwrap_or(u64::MAX))
    }
}

const MILLION: u128 = 1_000_000;

fn of(million: Amount, tokens: u64) -> Amount {
    let pico = million.pico().saturating_mul(tokens.into());
    Amount::from_pico(pico.div_ceil(MILLION))
}
