use serde_json::Value;

use crate::{
    event::Delta,
    wire::native::{NativeReader, Piece, part},
};

/// Reads the items of an answer, as the next request repeats them: encrypted reasoning, ids, what ran at the provider.
#[derive(Debug, Default)]
pub(super) struct ResponsesNatives;

impl NativeReader for ResponsesNatives {
    fn concerns(&self, event: &str) -> bool {
        event.contains("response.output_item.done")
    }

    fn event(&mut self, event: &Value) -> Vec<Piece> {
        // Its content was there before, as deltas, or comes now.
        let piece = |item| Piece::content(usize::MAX).after(item_part(item));
        event.get("item").map(piece).into_iter().collect()
    }

    fn whole(&mut self, answer: &Value) -> Vec<Piece> {
        let items = answer["output"].as_array().into_iter().flatten();
        items.map(|item| Piece::content(deltas(item)).after(item_part(item))).collect()
    }
}

fn item_part(item: &Value) -> Option<Delta<'static>> {
    let is_content =
        matches!(item["type"].as_str(), Some("message" | "reasoning")) || is_call(item);
    item.is_object().then(|| part("responses", item.clone(), is_content))
}

/// Whether an item is a call that the caller runs or decides. Others have no id of the call.
fn is_call(item: &Value) -> bool {
    item["call_id"].is_string() && item["type"].as_str().is_some_and(|kind| kind.ends_with("_call"))
        || item["type"] == "mcp_approval_request"
}

/// Returns how many deltas the protocol emits for an item that was not there before.
fn deltas(item: &Value) -> usize {
    let texts = |name: &str, text: &str| {
        let parts = item[name].as_array().into_iter().flatten();
        parts.filter(|part| part[text].as_str().is_some_and(|text| !text.is_empty())).count()
    };
    match item["type"].as_str().unwrap_or_default() {
        "message" => texts("content", "text") + texts("content", "refusal"),
        "reasoning" => match texts("content", "text") {
            0 => texts("summary", "text"),
            raw => raw,
        },
        _ => usize::from(is_call(item)),
    }
}
