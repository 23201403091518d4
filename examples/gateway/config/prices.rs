use std::path::PathBuf;

use serde::Deserialize;
use tower_llm_callbacks::handlers::{PriceTable, Prices};

use super::Problem;

/// What calls cost.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PricesSettings {
    /// The prices of all usual providers, which are part of the program.
    bundled: bool,
    /// A table of prices, as JSON. It precedes the bundled ones.
    file: Option<PathBuf>,
}

impl PricesSettings {
    pub(super) fn are_set(&self) -> bool {
        self.bundled || self.file.is_some()
    }

    /// Reads the prices, if there are any.
    pub(crate) fn read(&self) -> Result<Option<Prices>, Problem> {
        let table = self.file.as_ref().map(PriceTable::open).transpose();
        let table = table.map_err(|error| Problem::new("prices.file", error))?;
        let bundled = self.bundled.then(Prices::bundled);
        Ok(match (table.map(Prices::from), bundled) {
            (Some(table), Some(bundled)) => Some(table.or(bundled)),
            (table, bundled) => table.or(bundled),
        })
    }
}
