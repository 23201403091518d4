//! Prices of models.

mod error;
mod model_price;
mod pattern;
mod read;
mod table;

pub use self::{error::PriceTableError, model_price::ModelPrice, table::PriceTable};
