use std::{collections::HashMap, fmt, fs::File, io, path::Path, str::FromStr, sync::Arc};

use super::{ModelPrice, PriceTableError, pattern::Pattern, read};

/// What models cost: a table that you keep, for prices change.
///
/// It is JSON:
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
/// - The key of a model is its name as the provider says it, or a pattern: one `*` in it stands for any text, at
///   its end for every ending. A name itself comes before patterns, and of two patterns the one that says
///   more.
/// - Prices are for a million tokens, in units of the currency, as numbers or strings: plain decimals, of at most
///   6 decimals, which are read exactly.
/// - `input` and `output` must be there. `cache_read` and `cache_write` are those of `input` where they are not, and
///   `reasoning` is that of `output`.
/// - The currency is any word. Every other key is an error, for it may be a misspelt one.
///
/// Cheap to clone.
///
/// ```
/// use tower_llm_callbacks::{Usage, handlers::PriceTable};
///
/// let prices: PriceTable = r#"{"currency": "EUR", "models": {
///     "mistral-*": {"input": 0.4, "output": 2},
///     "mistral-large-*": {"input": 2, "output": 6}
/// }}"#.parse()?;
/// let price = prices.price("mistral-large-2411").expect("it has one");
/// assert_eq!(price.cost(&Usage::new(1_000_000, 10)).to_string(), "2.00006");
/// assert!(prices.price("gpt-5").is_none());
/// # Ok::<(), tower_llm_callbacks::handlers::PriceTableError>(())
/// ```
#[derive(Clone)]
pub struct PriceTable(Arc<Table>);

pub(super) struct Table {
    pub(super) currency: Arc<str>,
    pub(super) names: HashMap<String, ModelPrice>,
    /// In the order in which they are looked at.
    pub(super) patterns: Vec<Pattern>,
}

impl PriceTable {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is not a valid table.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, PriceTableError> {
        let path = path.as_ref();
        let file = File::open(path).map_err(PriceTableError::unreadable);
        file.and_then(Self::from_reader).map_err(|error| error.in_file(path))
    }

    /// Reads anything to its end.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is not a valid table.
    pub fn from_reader(mut reader: impl io::Read) -> Result<Self, PriceTableError> {
        let mut text = String::new();
        reader.read_to_string(&mut text).map_err(PriceTableError::unreadable)?;
        text.parse()
    }

    /// The price of a model, by its name.
    pub fn price(&self, model: &str) -> Option<&ModelPrice> {
        let Table { names, patterns, .. } = &*self.0;
        let pattern = || patterns.iter().find(|pattern| pattern.matches(model));
        names.get(model).or_else(|| pattern().map(|pattern| &pattern.price))
    }

    /// What the prices are in.
    pub fn currency(&self) -> &str {
        &self.0.currency
    }

    /// How many names and patterns it has.
    pub fn len(&self) -> usize {
        self.0.names.len() + self.0.patterns.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(in crate::handlers::usage) fn shared_currency(&self) -> &Arc<str> {
        &self.0.currency
    }

    /// The price of the model that answered, or else of the one that was asked for.
    pub(in crate::handlers::usage) fn of_either(
        &self,
        answered: Option<&str>,
        asked_for: Option<&str>,
    ) -> Option<&ModelPrice> {
        let price = |model: Option<&str>| model.and_then(|model| self.price(model));
        price(answered).or_else(|| price(asked_for))
    }

    /// The highest price of an output token.
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
