use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::event::{Delta, Usage};

/// Emits the usage of an answer, unless all counts are null.
pub(super) fn emit(usage: Map<String, Value>, each: &mut dyn FnMut(Delta<'_>)) {
    if usage.values().all(Value::is_null) {
        return;
    }
    let raw = Value::Object(usage);
    let usage = counts(&raw);
    each(Delta::Usage { usage, raw: Some(Cow::Owned(raw)) });
}

/// Normalizes the counts. OpenAI's include cached and reasoning tokens.
fn counts(raw: &Value) -> Usage {
    let count = |pointers: &[&str]| {
        pointers.iter().find_map(|pointer| raw.pointer(pointer).and_then(Value::as_u64))
    };
    let input = count(&["/prompt_tokens"]).unwrap_or(0);
    let output = count(&["/completion_tokens"]).unwrap_or(0);
    let total = count(&["/total_tokens"]);
    let reasoning = count(&["/completion_tokens_details/reasoning_tokens"]).unwrap_or(0);
    let read = count(&[
        "/prompt_tokens_details/cached_tokens",
        // Writer.
        "/prompt_token_details/cached_tokens",
        // DeepSeek.
        "/prompt_cache_hit_tokens",
    ]);
    let write = count(&[
        "/prompt_tokens_details/cache_write_tokens",
        "/prompt_token_details/cache_write_tokens",
    ]);
    // xAI's completion tokens exclude reasoning, which shows only in the total.
    let all = output.saturating_add(reasoning);
    let output = if total == Some(input.saturating_add(all)) { all } else { output };
    let mut usage = Usage::new(input, output)
        .cached(read.unwrap_or(0), write.unwrap_or(0))
        .reasoning(reasoning);
    usage.total_tokens = total.unwrap_or(usage.total_tokens);
    usage
}
