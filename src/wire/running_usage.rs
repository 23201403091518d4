use std::borrow::Cow;

use serde_json::{Map, Value};

use super::usage;
use crate::event::Delta;

/// More keys than any usage object has. Bounds the memory of a stream.
const MAX_KEYS: usize = 64;

/// The usage of an answer, merged from several reports. Reports are running totals: a later value replaces the
/// earlier one, key by key.
#[derive(Debug)]
pub(in crate::wire) struct RunningUsage(Value);

impl Default for RunningUsage {
    fn default() -> Self {
        Self(Value::Object(Map::new()))
    }
}

impl RunningUsage {
    /// Merges a report and emits the totals, unless the report has no values.
    pub(in crate::wire) fn merge(
        &mut self,
        report: Map<String, Value>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        let Value::Object(merged) = &mut self.0 else { return };
        let mut changed = false;
        for (key, value) in report {
            if !value.is_null() && (merged.len() < MAX_KEYS || merged.contains_key(&key)) {
                merged.insert(key, value);
                changed = true;
            }
        }
        if changed {
            each(Delta::Usage { usage: usage::read(merged), raw: Some(Cow::Borrowed(&self.0)) });
        }
    }
}
