use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::event::{Delta, Usage};

/// Emits the usage of an answer, unless the object is empty.
///
/// OpenAI's `input_tokens` include cached tokens and its `output_tokens` include reasoning, like those of
/// [`Usage`].
pub(super) fn emit(raw: Option<Map<String, Value>>, each: &mut dyn FnMut(Delta<'_>)) {
    let Some(raw) = raw.filter(|raw| !raw.is_empty()) else { return };
    let raw = Value::Object(raw);
    let count = |pointer: &str| raw.pointer(pointer).and_then(Value::as_u64);
    let known = |pointer: &str| count(pointer).unwrap_or(0);
    let mut usage = Usage::new(known("/input_tokens"), known("/output_tokens"))
        .cached(
            known("/input_tokens_details/cached_tokens"),
            known("/input_tokens_details/cache_write_tokens"),
        )
        .reasoning(known("/output_tokens_details/reasoning_tokens"));
    if let Some(total) = count("/total_tokens") {
        usage.total_tokens = total;
    }
    each(Delta::Usage { usage, raw: Some(Cow::Borrowed(&raw)) });
}
