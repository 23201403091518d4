//! Promise 10, with many events: personal data at every place, cut at every boundary, leaves neither a mask nor content that
//! is off; secrets leave nothing; and the process logs neither.
//!
//! `CANARY_EVENTS` is how many events the tests make together (60,000 by default).

mod http;
mod source;
mod typed;
mod watch;

/// A text to hide, and a part of it that must not be seen. No part can be one of an id or a number.
const CANARIES: [(&str, &str); 6] = [
    ("canary.one@leak.example.com", "canary"),
    ("+49 151 9876 5432", "9876 5"),
    ("4111 1111 1111 1111", "1111 1111"),
    ("DE89 3704 0044 0532 0130 00", "0532 0"),
    ("sk-canary0123456789", "canary"),
    ("(555) 987-6543", ") 987"),
];

/// Returns how many events a share of the tests makes, of 10.
fn events(share: u64) -> u64 {
    let all = std::env::var("CANARY_EVENTS").map(|events| events.parse::<u64>());
    all.map_or(60_000, |events| events.expect("CANARY_EVENTS is a number")) * share / 10
}

/// Asserts that the process has logged no canary of these tests.
fn assert_nothing_logged() {
    let logged = support::log::all();
    let is_canary = |line: &&str| CANARIES.iter().any(|(_, part)| line.contains(part));
    assert_eq!(logged.lines().find(is_canary), None);
}
