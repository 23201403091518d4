use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{
    Details, detail,
    found::{Found, snake_case},
};
use crate::{
    event::{Delta, Usage},
    wire::json,
};

/// Emits the usage of an answer, unless the object has no values. Some providers state the service tier beside it.
pub(in crate::wire) fn emit(
    raw: Map<String, Value>,
    tier: Option<&str>,
    each: &mut dyn FnMut(Delta<'_>),
) {
    emit_with(raw, tier, Details::new(), each);
}

/// Emits the usage of an answer that says beside its usage object what else is charged.
pub(in crate::wire) fn emit_with(
    raw: Map<String, Value>,
    tier: Option<&str>,
    beside: Details,
    each: &mut dyn FnMut(Delta<'_>),
) {
    if raw.values().any(|value| !value.is_null()) {
        let mut usage = read(&raw);
        usage.details.extend(beside);
        if let (None, Some(tier)) = (&usage.service_tier, tier) {
            usage.service_tier = Some(tier.into());
        }
        each(Delta::Usage { usage, raw: Some(Cow::Owned(Value::Object(raw))) });
    }
}

/// Returns the usage that an answer reports in the place where another API has it: Gemini's metadata, or the timings and
/// counts of llama.cpp. `None` if it has no counts.
///
/// Source of the latter: `timings_per_token` and the result of `/completion` in llama.cpp's `tools/server/README.md`.
pub(in crate::wire) fn elsewhere(json: &str) -> Option<Map<String, Value>> {
    let Value::Object(mut answer) = json::value(json)? else { return None };
    let [metadata, other_case, mut llama] =
        ["usageMetadata", "usage_metadata", "timings"].map(|name| match answer.remove(name) {
            Some(Value::Object(counts)) => counts,
            _ => Map::new(),
        });
    let counts = ["tokens_evaluated", "tokens_predicted"];
    llama.extend(counts.into_iter().filter_map(|name| answer.remove_entry(name)));
    [metadata, other_case, llama].into_iter().find(|counts| read(counts).is_known())
}

/// Normalizes the counts of a usage object. A count without a value is `None`.
pub(crate) fn read(raw: &Map<String, Value>) -> Usage {
    let mut found = Found::default();
    for (name, value) in raw {
        let name = snake_case(name);
        found.member(&name, value);
        detail(&mut found.details, &name, value);
    }
    found.usage()
}
