//! Prices of models.

#[cfg(feature = "prices")]
mod bundled;
#[cfg(feature = "prices")]
mod data_error;
mod error;
#[cfg(feature = "prices")]
mod genai;
mod hours;
mod json;
mod model_price;
mod or;
mod pattern;
mod prices;
mod read;
mod read_rules;
#[cfg(feature = "prices")]
mod route;
mod rules;
mod table;
#[cfg(feature = "prices")]
mod tokens;

#[cfg(feature = "prices")]
pub use self::data_error::PriceDataError;
pub use self::{
    error::PriceTableError, model_price::ModelPrice, prices::Prices, table::PriceTable,
};
