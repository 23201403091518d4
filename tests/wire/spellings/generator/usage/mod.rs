//! The counts of an answer, under all names that they have. A count of 0 may be missing where it is of a part.

pub mod anthropic;
pub mod gemini;
pub mod openai;
pub mod responses;

use super::json::Json;

/// An object with these counts, without those that are `None`.
fn counts(all: &[(&str, Option<u64>)]) -> Json {
    let known = all.iter().filter_map(|(name, count)| Some((*name, Json::Count((*count)?))));
    Json::object(known)
}

/// A count of a part, which servers leave out if there is none.
fn some(count: u64) -> Option<u64> {
    (count > 0).then_some(count)
}
