use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::{
    event::Delta,
    wire::native::{NativeReader, Piece},
};

const API: &str = "chat_completions";
/// More choices and details than an answer has. Bound the memory of a stream.
const MAX_CHOICES: usize = 64;
const MAX_DETAILS: usize = 4096;

/// Reads the reasoning of an answer as the next request repeats it: under the same name, or with its details; and what
/// belongs to tool calls beside the function.
///
/// The servers that have reasoning at all differ in it. DeepSeek and Moonshot refuse a request in which the reasoning of an
/// answer with tool calls is missing, OpenRouter passes details on to providers that do.
#[derive(Debug, Default)]
pub(super) struct ChatNatives {
    choices: Vec<Reasoning>,
}

/// The reasoning of a choice that is not over.
#[derive(Debug, Default)]
struct Reasoning {
    choice: u32,
    form: Option<Form>,
    details: Vec<Value>,
}

/// How a server sends the text of reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As a member of this name.
    Member(&'static str),
    /// As a part of the content, after Mistral.
    Part,
}

const MEMBERS: [&str; 6] =
    ["reasoning_content", "reasoning", "reasoning_text", "thinking", "thinking_content", "thought"];

impl NativeReader for ChatNatives {
    fn concerns(&self, event: &str) -> bool {
        self.choices.iter().any(|it| it.form.is_some() || !it.details.is_empty())
            || ["\"reasoning", "\"think", "\"thought", "\"extra_content"]
                .iter()
                .any(|name| event.contains(name))
    }

    fn event(&mut self, event: &Value) -> Vec<Piece> {
        self.choices(event, "delta", false)
    }

    fn whole(&mut self, answer: &Value) -> Vec<Piece> {
        self.choices(answer, "message", true)
    }
}

impl ChatNatives {
    fn choices(&mut self, chunk: &Value, member: &str, whole: bool) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for (at, choice) in chunk["choices"].as_array().into_iter().flatten().enumerate() {
            let index = choice["index"].as_u64().unwrap_or(at as u64);
            let Ok(index) = u32::try_from(index) else { continue };
            let known = self.choices.iter().position(|known| known.choice == index);
            let at = known.unwrap_or_else(|| {
                self.choices.push(Reasoning { choice: index, ..Reasoning::default() });
                self.choices.len() - 1
            });
            if at < MAX_CHOICES {
                let ends = whole || choice["finish_reason"].is_string();
                self.choices[at].message(&choice[member], ends, &mut pieces);
            }
            self.choices.truncate(MAX_CHOICES);
        }
        pieces
    }
}

impl Reasoning {
    /// Reads a message, or a piece of it.
    fn message(&mut self, message: &Value, ends: bool, pieces: &mut Vec<Piece>) {
        let filled = |value: &Value| match value {
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => false,
        };
        let parts = message["content"].as_array().into_iter().flatten();
        let thoughts = parts.filter(|part| part["type"] == "thinking").count();
        let details = &message["reasoning_details"];
        let member = MEMBERS.into_iter().find(|name| filled(&message[name]));
        let texts = match (member, thoughts) {
            (Some(name), _) => {
                self.form = Some(Form::Member(name));
                texts(&message[name])
            }
            (None, 0) => texts(details),
            (None, thoughts) => {
                self.form = Some(Form::Part);
                thoughts
            }
        };
        for detail in details.as_array().into_iter().flatten() {
            self.detail(detail);
        }
        let content = (filled(&message["content"]) && thoughts == 0)
            || filled(&message["refusal"])
            || filled(&message["tool_calls"])
            || message["function_call"].is_object();
        if texts > 0 || content || ends {
            let after = if content || ends { self.take() } else { None };
            pieces.push(Piece::content(texts).after(after));
        }
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        for call in calls.filter(|call| call["extra_content"].is_object()) {
            let extra = json!({"id": call["id"], "extra_content": call["extra_content"]});
            let native = self.native(json!({"tool_calls": [extra]}), false, None);
            pieces.push(Piece::default().after(Some(native)));
        }
    }

    /// Adds a detail, or a piece of one: pieces of one kind and index follow each other.
    fn detail(&mut self, detail: &Value) {
        let Value::Object(new) = detail else { return };
        let same = |last: &Map<String, Value>, name: &str| last.get(name) == new.get(name);
        if let Some(Value::Object(last)) = self.details.last_mut()
            && same(last, "type")
            && same(last, "index")
            && new.get("type").is_some_and(|kind| kind != "reasoning.encrypted")
        {
            for (name, value) in new {
                match (last.get_mut(name), value) {
                    (Some(Value::String(text)), Value::String(more))
                        if matches!(name.as_str(), "text" | "summary") =>
                    {
                        text.push_str(more);
                    }
                    (Some(_), Value::Null) => {}
                    _ => drop(last.insert(name.clone(), value.clone())),
                }
            }
        } else if self.details.len() < MAX_DETAILS {
            self.details.push(detail.clone());
        }
    }

    /// Ends the reasoning. Returns it in the server's form.
    fn take(&mut self) -> Option<Delta<'static>> {
        let form = self.form.take();
        let details = std::mem::take(&mut self.details);
        if !details.is_empty() {
            return Some(self.native(json!({"reasoning_details": details}), true, None));
        }
        Some(match form? {
            Form::Member(name) => self.native(json!({name: null}), true, Some(format!("/{name}"))),
            Form::Part => {
                let text = json!({"type": "text", "text": null});
                let part = json!({"type": "thinking", "thinking": [text]});
                self.native(part, true, Some("/thinking/0/text".to_owned()))
            }
        })
    }

    fn native(&self, value: Value, covers: bool, text_at: Option<String>) -> Delta<'static> {
        let (value, text_at) = (Cow::Owned(value), text_at.map(Cow::Owned));
        Delta::Native { choice: self.choice, api: API.into(), value, covers, text_at }
    }
}

/// Returns how many texts a reasoning has.
fn texts(reasoning: &Value) -> usize {
    match reasoning {
        Value::String(text) => usize::from(!text.is_empty()),
        Value::Array(parts) => parts.iter().map(texts).sum(),
        Value::Object(part) => {
            let text = ["text", "thinking", "reasoning", "content", "summary"];
            text.into_iter()
                .find_map(|name| Some(texts(part.get(name)?)).filter(|it| *it > 0))
                .unwrap_or(0)
        }
        _ => 0,
    }
}
