use std::borrow::Cow;

use serde_json::{Map, Value, map::Entry};

use super::{json::Count, usage};
use crate::event::Delta;

/// More keys than any usage object has. Bounds the memory of a stream.
const MAX_KEYS: usize = 64;

/// The usage of an answer, merged from several reports. Reports are running totals: a later value replaces the
/// earlier one, key by key, unless it is null, or a 0 that proxies send for what they do not know.
#[derive(Debug)]
pub(in crate::wire) struct RunningUsage(Value);

impl Default for RunningUsage {
    fn default() -> Self {
        Self(Value::Object(Map::new()))
    }
}

impl RunningUsage {
    /// Whether a count was reported that is not zero.
    pub(in crate::wire) fn counts_something(&self) -> bool {
        self.0.as_object().is_some_and(|merged| usage::read(merged).counts_something())
    }

    /// Merges a report and emits the totals, unless the report has no values.
    pub(in crate::wire) fn merge(
        &mut self,
        report: Map<String, Value>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        let Value::Object(merged) = &mut self.0 else { return };
        if merge(merged, report) {
            each(Delta::Usage { usage: usage::read(merged), raw: Some(Cow::Borrowed(&self.0)) });
        }
    }
}

/// Merges a report. Returns whether it says something. An object, such as the cache writes by lifetime, is merged member
/// by member.
fn merge(merged: &mut Map<String, Value>, report: Map<String, Value>) -> bool {
    let any = |of_output: bool, is: fn(&Value) -> bool| {
        report.iter().any(|(key, value)| is_output(key) == of_output && is(value))
    };
    // Beside another count of the input, a zero is a count: after a compaction nothing was read from the cache. A zero of the
    // output is one, as of a refusal, unless all are zero.
    let counts_input = any(false, is_positive);
    let counts_output = counts_input || any(true, is_positive) || !any(false, is_zero);
    let mut changed = false;
    for (key, value) in report {
        let is_count = if is_output(&key) { counts_output } else { counts_input };
        let has_room = merged.len() < MAX_KEYS;
        match (merged.entry(key), value) {
            (_, Value::Null) => continue,
            (Entry::Vacant(entry), value) if has_room => _ = entry.insert(value),
            (Entry::Vacant(_), _) => continue,
            (Entry::Occupied(mut entry), value) => match (entry.get_mut(), value) {
                (Value::Object(known), Value::Object(later)) if !is_count => {
                    _ = merge(known, later);
                }
                (known, value) if !is_count && is_positive(known) && is_zero(&value) => continue,
                (known, value) => *known = value,
            },
        }
        changed = true;
    }
    changed
}

fn is_output(key: &str) -> bool {
    key.contains("output")
}

fn is_positive(value: &Value) -> bool {
    Count::of(value).is_some_and(|count| count > 0)
}

fn is_zero(value: &Value) -> bool {
    Count::of(value) == Some(0)
}
