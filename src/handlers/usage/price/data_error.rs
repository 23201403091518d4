use std::{error::Error, fmt};

/// An error of reading the data of genai-prices. Its source says what is invalid.
#[derive(Debug)]
pub struct PriceDataError(pub(super) genai_prices::Error);

impl fmt::Display for PriceDataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the data is not a list of providers and prices as genai-prices publishes it")
    }
}

impl Error for PriceDataError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}
