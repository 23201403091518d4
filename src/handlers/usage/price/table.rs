use std::{fmt, fs::File, io, path::Path, str::FromStr, sync::Arc};

use super::{
    ModelPrice, PriceTableError,
    read::{self, Table},
};

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

    pub(in crate::handlers::usage) fn shared_currency(&self) -> &Arc<str> {
        &self.0.currency
    }

    /// Returns the price of the model that answered, else of the requested model.
    pub(in crate::handlers::usage) fn of_either(
        &self,
        answered: Option<&str>,
        requested: Option<&str>,
    ) -> Option<&ModelPrice> {
        let price = |model: Option<&str>| model.and_then(|model| self.price(model));
        price(answered).or_else(|| price(requested))
    }

    /// Returns the highest price of an output token.
    pub(in crate::handlers::usage) fn highest_output(&self) -> u64 {
        let patterns = self.0.patterns.iter().map(|pattern| &pattern.price);
        self.0.names.values().chain(patterns).map(|price| price.output).max().unwrap_or(0)
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
