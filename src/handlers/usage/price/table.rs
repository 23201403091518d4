use std::{fmt, fs::File, io, path::Path, str::FromStr, sync::Arc};

use super::{
    ModelPrice, PriceTableError,
    read::{self, Table},
};
use crate::event::{Amount, Price, PriceSource, PricedCall, Rates, Usage};

/// A table of model prices. You provide and maintain it, since prices change.
///
/// The table is JSON:
///
/// ```json
/// {
///   "currency": "USD",
///   "models": {
///     "claude-haiku-4-5*": { "input": 1.00, "output": 5.00, "cache_read": 0.10, "cache_write": 1.25 },
///     "gpt-5-mini": { "input": "0.25", "output": "2.00", "cache_read": "0.025", "reasoning": "2.00" }
///   }
/// }
/// ```
///
/// - The key of a model is its name as the provider reports it, or a pattern with one `*`, which matches any text. An
///   exact name takes precedence over patterns, and a longer pattern over a shorter one.
/// - Prices are for a million tokens, in units of the currency: numbers or strings with at most 6 decimal places, which
///   are read exactly.
/// - `input` and `output` are required. `cache_read` and `cache_write` default to `input`, and `reasoning` to `output`.
/// - `cache_write_1h` is the price of input written to a cache that keeps it for an hour. Other lifetimes are written
///   likewise, as the provider's usage names them: `5m`, `24h`. Without it, such tokens cost `cache_write`.
/// - Prices under conditions stand in `hours` (times of day in UTC at which a call starts, from the first minute to before
///   the last one), `service_tier` (the tier that the provider used, in its own words) and `above` (calls with more input
///   tokens than a number). They replace those around them that they name. If several apply, they do so in this order; of
///   several in `above`, the one with the largest number. One may stand inside of another.
///
///   ```json
///   "gemini-2.5-pro": {
///     "input": 1.25, "output": 10, "cache_read": 0.31,
///     "above": { "200000": { "input": 2.5, "output": 15, "cache_read": 0.625 } },
///     "service_tier": { "priority": { "input": 2.2, "output": 18, "above": { "200000": { "input": 4.4 } } } },
///     "hours": { "16:30-00:30": { "output": 5 } }
///   }
///   ```
/// - A call of a service tier that the model's price does not name, or with what has no price here, such as sound and searches,
///   costs what its tokens cost otherwise. Its cost is then [`estimated`](Price::estimated).
/// - The currency is any non-empty string. Other keys are errors, since they may be misspelt.
///
/// The table is cheap to clone.
///
/// ```
/// use tower_llm_callbacks::{Usage, handlers::PriceTable};
///
/// let prices: PriceTable = r#"{"currency": "EUR", "models": {
///     "mistral-*": {"input": 0.4, "output": 2},
///     "mistral-large-*": {"input": 2, "output": 6}
/// }}"#.parse()?;
/// let price = prices.price("mistral-large-2411").expect("a pattern matches");
/// assert_eq!(price.cost(&Usage::new(1_000_000, 10)).to_string(), "2.00006");
/// assert!(prices.price("gpt-5").is_none());
/// # Ok::<(), tower_llm_callbacks::handlers::PriceTableError>(())
/// ```
#[derive(Clone)]
pub struct PriceTable(Arc<Table>);

impl PriceTable {
    /// Reads a table from a file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or does not contain a valid table.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, PriceTableError> {
        let path = path.as_ref();
        let file = File::open(path).map_err(PriceTableError::unreadable);
        file.and_then(Self::from_reader).map_err(|error| error.in_file(path))
    }

    /// Reads a table from a reader, to its end.
    ///
    /// # Errors
    ///
    /// If reading fails or the text is not a valid table.
    pub fn from_reader(mut reader: impl io::Read) -> Result<Self, PriceTableError> {
        let mut text = String::new();
        reader.read_to_string(&mut text).map_err(PriceTableError::unreadable)?;
        text.parse()
    }

    /// Returns the price of a model, by its name.
    pub fn price(&self, model: &str) -> Option<&ModelPrice> {
        let Table { names, patterns, .. } = &*self.0;
        let pattern = || patterns.iter().find(|pattern| pattern.matches(model));
        names.get(model).or_else(|| pattern().map(|pattern| &pattern.price))
    }

    /// Returns the currency of the prices.
    pub fn currency(&self) -> &str {
        &self.0.currency
    }

    /// Returns the number of names and patterns.
    pub fn len(&self) -> usize {
        self.0.names.len() + self.0.patterns.len()
    }

    /// Returns whether the table has no names and patterns.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the price of the model that answered, else of the requested model.
    fn of_call(&self, call: &PricedCall<'_>) -> Option<&ModelPrice> {
        call.models().find_map(|model| self.price(model))
    }
}

/// Whether a detail mostly costs as text does: what comes from a cache, and what a model sees.
pub(super) fn costs_as_text(detail: &str) -> bool {
    detail.starts_with("cache_") || matches!(detail, "input_image_tokens" | "input_video_tokens")
}

/// Whether the prices of input and output are those of a detail: of what costs as text does, and of an input or an output that is
/// nothing else.
fn is_plain(detail: &str, count: u64, usage: &Usage) -> bool {
    if count == 0 || costs_as_text(detail) {
        return true;
    }
    let is_all = match detail.split_once('_') {
        Some(("input", "audio_tokens")) => usage.input_tokens,
        Some(("output", "audio_tokens" | "image_tokens" | "video_tokens")) => usage.output_tokens,
        _ => None,
    };
    is_all.is_some_and(|all| count >= all)
}

impl PriceSource for PriceTable {
    fn currency(&self) -> Arc<str> {
        Arc::clone(&self.0.currency)
    }

    fn price_of(&self, call: &PricedCall<'_>) -> Option<Price> {
        let (price, usage) = (self.of_call(call)?, call.charged());
        let amount = price.cost_at(&usage, call.time);
        let mut cost = Price::new(Arc::clone(&self.0.currency), amount);
        let lacks_tier = usage.special_tier().is_some_and(|tier| !price.names_tier(tier));
        cost.estimated =
            lacks_tier || usage.details.iter().any(|(name, count)| !is_plain(name, *count, &usage));
        Some(cost)
    }

    fn rates(&self, call: &PricedCall<'_>) -> Option<Rates> {
        let price = self.of_call(call)?.at(call.usage, Some(call.time));
        let million = |price: u64| Amount::from_pico(u128::from(price) * 1_000_000);
        let (input, output) = (million(price.input), million(price.output));
        Some(Rates::new(Arc::clone(&self.0.currency), input, output))
    }
}

impl FromStr for PriceTable {
    type Err = PriceTableError;

    fn from_str(json: &str) -> Result<Self, Self::Err> {
        read::table(json).map(|table| Self(Arc::new(table)))
    }
}

impl fmt::Debug for PriceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PriceTable")
            .field("currency", &self.0.currency)
            .field("models", &self.len())
            .finish()
    }
}
