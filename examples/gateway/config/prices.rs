use std::path::PathBuf;

use serde::Deserialize;
use tower_llm_callbacks::{
    event::PriceSource,
    handlers::{PriceTable, Prices},
};

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
    pub(super) fn read(&self) -> Result<Prices, Problem> {
        let table = self.file.as_ref().map(PriceTable::open).transpose();
        let table = table.map_err(|error| Problem::new("prices.file", error))?;
        let bundled = self.bundled.then(Prices::bundled);
        match (table.map(Prices::from), bundled) {
            (Some(table), Some(bundled)) if table.currency() != bundled.currency() => {
                let (ours, theirs) = (table.currency(), bundled.currency());
                let message = format!(
                    "its prices are in {ours}, and the bundled ones in {theirs}: leave `bundled` out"
                );
                Err(Problem::new("prices.file", message))
            }
            (Some(table), Some(bundled)) => Ok(table.or(bundled)),
            (Some(prices), None) | (None, Some(prices)) => Ok(prices),
            (None, None) => {
                let message =
                    "there are none: add `bundled = true` or `file`, or leave the table out";
                Err(Problem::new("prices", message))
            }
        }
    }
}
