use serde_json::{Map, Value, json};

use crate::{
    event::Delta,
    wire::native::{NativeReader, Piece, part},
};

const API: &str = "converse";
/// The memory for the input of a call that ran at the provider, for its result, and for citations.
const MAX_PARTS: usize = 16 * 1024 * 1024;

/// Reads what the next request has to repeat of an answer beside its content: signatures, redacted reasoning, what ran at
/// the provider. And citations.
#[derive(Debug, Default)]
pub(super) struct ConverseNatives {
    last: Kind,
    open: Option<Open>,
}

/// The kind of a block, as far as blocks of one kind would run into each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Other,
    Text,
    Reasoning,
}

/// A block that has not ended.
#[derive(Debug)]
struct Open {
    index: u64,
    kind: Kind,
    /// The block in the form of requests, without text that is content.
    block: Map<String, Value>,
    /// The input of a call, as JSON text.
    input: String,
    size: usize,
}

impl NativeReader for ConverseNatives {
    fn concerns(&self, event: &str) -> bool {
        event.contains("contentBlockIndex")
    }

    fn event(&mut self, event: &Value) -> Vec<Piece> {
        let Some(index) = event["contentBlockIndex"].as_u64() else { return Vec::new() };
        let mut pieces = Vec::new();
        let is_open = self.open.as_ref().is_some_and(|open| open.index == index);
        if !is_open || !event["delta"].is_object() {
            pieces.extend(self.close());
        }
        if let Value::Object(start) = &event["start"] {
            self.open = Some(Open::new(index, Kind::Other, start.clone()));
        }
        if let Value::Object(delta) = &event["delta"] {
            let mut piece = Piece::content(usize::from(has_content(delta)));
            // Only calls and results have an event for their start.
            let last = self.last;
            let open = self.open.get_or_insert_with(|| {
                let open = Open::new(index, Kind::of(delta), Map::new());
                if open.kind == last && last != Kind::Other {
                    piece.before = Some(Delta::NextBlock { choice: 0 });
                }
                open
            });
            open.add(delta);
            if piece.before.is_some() || !pieces.is_empty() {
                pieces.push(piece);
            }
        }
        pieces
    }

    fn whole(&mut self, answer: &Value) -> Vec<Piece> {
        let blocks = answer["output"]["message"]["content"].as_array().into_iter().flatten();
        blocks.map(|block| whole(block, &mut self.last)).collect()
    }
}

impl ConverseNatives {
    fn close(&mut self) -> Option<Piece> {
        let open = self.open.take()?;
        self.last = open.kind;
        Some(Piece::default().after(open.end()))
    }
}

impl Kind {
    fn of(block: &Map<String, Value>) -> Self {
        let has = |name| block.contains_key(name);
        match () {
            () if has("text") || has("citation") || has("citationsContent") => Kind::Text,
            () if has("reasoningContent") => Kind::Reasoning,
            () => Kind::Other,
        }
    }
}

fn is_filled(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

fn has_content(delta: &Map<String, Value>) -> bool {
    let text = delta.get("text").is_some_and(is_filled);
    text || delta.get("reasoningContent").is_some_and(|it| is_filled(&it["text"]))
}

/// Reads a block of a non-streamed answer, after one of the kind `last`.
fn whole(block: &Value, last: &mut Kind) -> Piece {
    let Value::Object(members) = block else { return Piece::default() };
    let kind = Kind::of(members);
    let runs_on = std::mem::replace(last, kind) == kind && kind != Kind::Other;
    let reasoning = &block["reasoningContent"]["reasoningText"];
    let cited = block["citationsContent"]["content"].as_array();
    let (deltas, after) = if reasoning.is_object() {
        let signature = reasoning["signature"].as_str().filter(|text| !text.is_empty());
        let signature = signature.map(|text| Delta::signature(text.to_owned()));
        (usize::from(is_filled(&reasoning["text"])), signature)
    } else if let Some(cited) = cited {
        let texts = cited.iter().filter(|part| is_filled(&part["text"])).count();
        (texts, Some(part(API, block.clone(), texts > 0)))
    } else if members.contains_key("text") {
        (usize::from(is_filled(&block["text"])), None)
    } else if block["toolUse"].is_object() && block["toolUse"]["type"] != "server_tool_use" {
        (1, None)
    } else {
        (0, Some(part(API, block.clone(), false)))
    };
    let piece = Piece::content(deltas).after(after);
    if runs_on { piece.before(Delta::NextBlock { choice: 0 }) } else { piece }
}

impl Open {
    fn new(index: u64, kind: Kind, block: Map<String, Value>) -> Self {
        Self { index, kind, block, input: String::new(), size: 0 }
    }

    fn add(&mut self, delta: &Map<String, Value>) {
        for (name, value) in delta {
            let kept = match name.as_str() {
                "text" => continue,
                "toolUse" => value["input"].as_str().map_or(0, str::len),
                "reasoningContent" if value["text"].is_string() => continue,
                _ => value.to_string().len(),
            };
            self.size += kept;
            if self.size > MAX_PARTS {
                return;
            }
            match (name.as_str(), value) {
                ("toolUse", value) => self.input.push_str(value["input"].as_str().unwrap_or("")),
                ("citation", citation) => self.list("citations").push(citation.clone()),
                ("toolResult", Value::Array(parts)) => self.list("content").extend(parts.clone()),
                ("reasoningContent", Value::Object(more)) => {
                    for (name, value) in more {
                        let piece = value.as_str().unwrap_or_default();
                        let text = self.block.entry(name).or_insert_with(|| "".into());
                        // The pieces of redacted content are bytes that end between groups of Base64.
                        *text = format!("{}{piece}", text.as_str().unwrap_or_default()).into();
                    }
                }
                (name, value) => drop(self.block.insert(name.to_owned(), value.clone())),
            }
        }
    }

    /// Returns a list of the block.
    fn list(&mut self, name: &str) -> &mut Vec<Value> {
        let list = self.block.entry(name).or_insert_with(|| json!([]));
        if !list.is_array() {
            *list = json!([]);
        }
        list.as_array_mut().expect("it is a list")
    }

    /// Returns the part for the block, if it is more than content.
    fn end(self) -> Option<Delta<'static>> {
        let Self { mut block, input, kind, .. } = self;
        let mut take = |name: &str| block.remove(name);
        if let Some(citations) = take("citations") {
            let content = json!([{"text": null}]);
            return Some(Delta::Native {
                choice: 0,
                api: API.into(),
                value: std::borrow::Cow::Owned(
                    json!({"citationsContent": {"content": content, "citations": citations}}),
                ),
                covers: true,
                text_at: Some("/citationsContent/content/0/text".into()),
            });
        }
        if kind == Kind::Reasoning {
            if let Some(Value::String(signature)) = take("signature") {
                return Some(Delta::signature(signature));
            }
            let redacted = take("redactedContent")?;
            let block = json!({"reasoningContent": {"redactedContent": redacted}});
            return Some(part(API, block, false));
        }
        let content = take("content");
        let member = |block: &mut Map<String, Value>, name: &str| match block.get_mut(name) {
            Some(Value::Object(members)) => Some(std::mem::take(members)),
            _ => None,
        };
        if let Some(mut result) = member(&mut block, "toolResult") {
            result.insert("content".to_owned(), content.unwrap_or_else(|| json!([])));
            block.insert("toolResult".to_owned(), result.into());
        } else if let Some(mut call) = member(&mut block, "toolUse") {
            if call.get("type").is_none_or(|kind| kind != "server_tool_use") {
                return None;
            }
            let input = serde_json::from_str(&input).unwrap_or_else(|_| json!({}));
            call.insert("input".to_owned(), input);
            block.insert("toolUse".to_owned(), call.into());
        }
        (!block.is_empty()).then(|| part(API, block.into(), false))
    }
}
