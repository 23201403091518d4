use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::event::{Delta, Usage};

/// Emits the running totals of an answer. Objects without counts are skipped: Vertex AI sends some that only
/// name the kind of traffic.
pub(super) fn emit(metadata: Map<String, Value>, each: &mut dyn FnMut(Delta<'_>)) {
    let count = |name: &str| metadata.get(name).and_then(Value::as_u64);
    let (prompt, tools) = (count("promptTokenCount"), count("toolUsePromptTokenCount"));
    let (answer, thoughts) = (count("candidatesTokenCount"), count("thoughtsTokenCount"));
    let (cached, total) = (count("cachedContentTokenCount"), count("totalTokenCount"));
    if [prompt, tools, answer, thoughts, cached, total].iter().all(Option::is_none) {
        return;
    }
    let sum = |a: Option<u64>, b: Option<u64>| a.unwrap_or(0).saturating_add(b.unwrap_or(0));
    let mut usage = Usage::new(sum(prompt, tools), sum(answer, thoughts))
        .cached(cached.unwrap_or(0), 0)
        .reasoning(thoughts.unwrap_or(0));
    if let Some(total) = total {
        usage.total_tokens = total;
    }
    each(Delta::Usage { usage, raw: Some(Cow::Owned(Value::Object(metadata))) });
}
