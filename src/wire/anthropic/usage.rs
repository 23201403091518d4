use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::event::{Delta, Usage};

/// More keys than any usage object has; a bound on what a stream can make us hold.
const MAX_KEYS: usize = 64;

/// The usage of an answer, which comes in parts: the later overwrite the earlier, key by key. They
/// are running totals, so nothing is ever added up.
#[derive(Debug)]
pub(super) struct RunningUsage(Value);

impl RunningUsage {
    pub(super) fn new() -> Self {
        Self(Value::Object(Map::new()))
    }

    /// Merges another part and tells the state; a part that says nothing is not told.
    pub(super) fn merge(&mut self, part: Map<String, Value>, each: &mut dyn FnMut(Delta<'_>)) {
        let Value::Object(merged) = &mut self.0 else { return };
        let mut told = false;
        for (key, value) in part {
            if !value.is_null() && (merged.len() < MAX_KEYS || merged.contains_key(&key)) {
                merged.insert(key, value);
                told = true;
            }
        }
        if told {
            each(Delta::Usage { usage: self.counts(), raw: Some(Cow::Borrowed(&self.0)) });
        }
    }

    /// Anthropic's `input_tokens` are only those that were neither read from nor written to a cache.
    fn counts(&self) -> Usage {
        let (read, write) =
            (self.count("/cache_read_input_tokens"), self.count("/cache_creation_input_tokens"));
        let input = self.count("/input_tokens").saturating_add(read).saturating_add(write);
        Usage::new(input, self.count("/output_tokens"))
            .cached(read, write)
            .reasoning(self.count("/output_tokens_details/thinking_tokens"))
    }

    fn count(&self, pointer: &str) -> u64 {
        self.0.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
    }
}
