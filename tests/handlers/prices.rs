//! Prices that layers and handlers have: what they depend on, how they are replaced, and where a cost is seen.

mod bundled;
mod costs;
mod parts;
mod replaced;
mod rules;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tower_llm_callbacks::handlers::{Amount, PriceTable};

fn table(json: &str) -> PriceTable {
    json.parse().unwrap()
}

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

/// A time of day of 27 November 2026, in UTC.
fn at(hour: u64, minute: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_737_600 + hour * 3_600 + minute * 60)
}
