use serde_json::{Map, Value, json};

use crate::{
    event::Delta,
    wire::native::{NativeReader, Piece, part},
};

const API: &str = "messages";
/// The memory for the input of a call that ran at the provider, and for citations.
const MAX_PARTS: usize = 16 * 1024 * 1024;

/// Reads what the next request has to repeat of an answer beside its content: signatures, redacted thinking, what ran at
/// the provider. And citations.
#[derive(Debug, Default)]
pub(super) struct AnthropicNatives {
    /// The kind of the last block.
    last: String,
    open: Option<Open>,
}

/// A block that has not ended.
#[derive(Debug)]
struct Open {
    block: Map<String, Value>,
    /// The input of a call, as JSON text.
    input: String,
    size: usize,
}

impl NativeReader for AnthropicNatives {
    fn concerns(&self, event: &str) -> bool {
        event.contains("content_block_")
            && !event.contains("\"text_delta\"")
            && !event.contains("\"thinking_delta\"")
    }

    fn event(&mut self, event: &Value) -> Vec<Piece> {
        match event["type"].as_str() {
            Some("content_block_start") => {
                let Value::Object(block) = &event["content_block"] else { return Vec::new() };
                let piece = begin(block, &mut self.last);
                self.open = Some(Open { block: block.clone(), input: String::new(), size: 0 });
                vec![piece]
            }
            Some("content_block_delta") => {
                if let (Some(open), Value::Object(delta)) = (&mut self.open, &event["delta"]) {
                    open.add(delta);
                }
                Vec::new()
            }
            Some("content_block_stop") => {
                let delta = self.open.take().and_then(|open| open.end(None));
                vec![Piece::default().after(delta)]
            }
            _ => Vec::new(),
        }
    }

    fn whole(&mut self, answer: &Value) -> Vec<Piece> {
        let blocks = answer["content"].as_array().into_iter().flatten();
        let blocks = blocks.filter_map(Value::as_object);
        let last = &mut self.last;
        let pieces = blocks.map(|block| {
            let piece = begin(block, last);
            let open = Open { block: block.clone(), input: String::new(), size: 0 };
            let text = ["text", "thinking"].into_iter().find_map(|name| block.get(name)?.as_str());
            piece.after(open.end(text))
        });
        pieces.collect()
    }
}

/// Begins a block after one of the kind `last`.
fn begin(block: &Map<String, Value>, last: &mut String) -> Piece {
    let kind = block.get("type").and_then(Value::as_str).unwrap_or_default();
    let filled = |name| block.get(name).and_then(Value::as_str).is_some_and(|it| !it.is_empty());
    let deltas = match kind {
        "text" | "thinking" => usize::from(filled(kind)),
        "tool_use" => 1,
        _ => 0,
    };
    // Blocks of one kind would run into each other.
    let runs_on = std::mem::replace(last, kind.to_owned()) == kind;
    let runs_on = runs_on && matches!(kind, "text" | "thinking");
    Piece { before: runs_on.then_some(Delta::NextBlock { choice: 0 }), ..Piece::content(deltas) }
}

impl Open {
    fn add(&mut self, delta: &Map<String, Value>) {
        let Self { block, input, size } = self;
        for (name, value) in delta.iter().filter(|(name, _)| *name != "type") {
            *size += value.as_str().map_or(64, str::len);
            if *size > MAX_PARTS {
                return;
            }
            match (name.as_str(), value) {
                ("partial_json", Value::String(piece)) => input.push_str(piece),
                ("citation", citation) => {
                    let citations = block.entry("citations").or_insert(Value::Null);
                    match citations {
                        Value::Array(known) => known.push(citation.clone()),
                        other => *other = json!([citation]),
                    }
                }
                (name, Value::String(more)) => match block.get_mut(name) {
                    Some(Value::String(text)) if name != "signature" => text.push_str(more),
                    _ => drop(block.insert(name.to_owned(), more.clone().into())),
                },
                (name, value) => drop(block.insert(name.to_owned(), value.clone())),
            }
        }
    }

    /// Returns the part for a block whose text is in it, or was content before.
    fn end(self, whole: Option<&str>) -> Option<Delta<'static>> {
        let Self { mut block, input, .. } = self;
        let kind = block.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Ok(input) = serde_json::from_str(&input) {
            block.insert("input".to_owned(), input);
        }
        match kind.as_str() {
            "thinking" => {
                let signature = block.get("signature").and_then(Value::as_str);
                let signature = signature.filter(|text| !text.is_empty());
                signature.map(|text| Delta::signature(text.to_owned()))
            }
            "text" => {
                let cites = block.get("citations").and_then(Value::as_array);
                cites.filter(|citations| !citations.is_empty())?;
                if let Some(text) = whole {
                    block.insert("text".to_owned(), text.into());
                    return Some(part(API, block.into(), true));
                }
                block.insert("text".to_owned(), Value::Null);
                Some(Delta::Native {
                    choice: 0,
                    api: API.into(),
                    value: std::borrow::Cow::Owned(block.into()),
                    covers: true,
                    text_at: Some("/text".into()),
                })
            }
            "tool_use" => {
                let known = ["type", "id", "name", "input", "caller"];
                let direct = block.get("caller").is_none_or(|it| it["type"] == "direct");
                let plain = block.keys().all(|name| known.contains(&name.as_str())) && direct;
                (!plain).then(|| part(API, block.into(), true))
            }
            _ => Some(part(API, block.into(), false)),
        }
    }
}
