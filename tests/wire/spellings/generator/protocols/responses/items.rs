//! The items of the output.

use super::super::super::{
    answer::{Answer, Call},
    choices::{Axis, Choices, axis},
    content::content,
    json::{Json, object},
    splits::as_text,
};

axis! {
    /// Where reasoning is in its item.
    ReasoningContent { Summary, Content }
}

/// An item as it begins, its content, and the item as it ends.
#[derive(Debug)]
pub struct Item {
    pub id: String,
    pub kind: Kind,
    /// The text, or the arguments.
    pub text: Json,
    pub added: Json,
    pub done: Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Summary,
    Reasoning,
    Text,
    Call,
}

/// All items of an answer.
pub fn all(answer: &Answer, choices: &mut Choices<'_>) -> Vec<Item> {
    let place: ReasoningContent = choices.axis();
    let mut all = Vec::new();
    if !answer.reasoning.is_empty() {
        all.push(reasoning(&answer.reasoning, place));
    }
    if !answer.text.is_empty() {
        all.push(message(&answer.text, choices));
    }
    for (at, call) in answer.calls.iter().enumerate() {
        all.push(function_call(at, call, as_text(&call.arguments, choices)));
    }
    all
}

fn reasoning(text: &str, place: ReasoningContent) -> Item {
    let added = object! { "type": "reasoning", "id": "rs_1", "summary": Json::List(vec![]) };
    let (kind, done) = match place {
        ReasoningContent::Summary => {
            let part = object! { "type": "summary_text", "text": text };
            (Kind::Summary, object! { "type": "reasoning", "id": "rs_1", "summary": [part] })
        }
        ReasoningContent::Content => {
            let part = object! { "type": "reasoning_text", "text": text };
            (Kind::Reasoning, added.clone().with("content", [part]))
        }
    };
    Item { id: "rs_1".into(), kind, text: text.into(), added, done }
}

fn message(text: &str, choices: &mut Choices<'_>) -> Item {
    let json = |content: Json, status: &str| {
        object! { "type": "message", "id": "msg_1", "role": "assistant", "status": status }
            .with("content", content)
    };
    let part = object! { "type": "output_text", "text": text, "annotations": Json::List(vec![]) };
    Item {
        id: "msg_1".into(),
        kind: Kind::Text,
        text: text.into(),
        added: json(Json::List(vec![]), "in_progress"),
        done: json(content(vec![part], choices), "completed"),
    }
}

fn function_call(at: usize, call: &Call, text: Json) -> Item {
    let id = format!("fc_{at}");
    let json = |arguments: Json, status: &str| {
        object! {
            "type": "function_call", "id": &id, "call_id": &call.id, "name": &call.name,
            "arguments": arguments, "status": status,
        }
    };
    let (added, done) = (json("".into(), "in_progress"), json(text.clone(), "completed"));
    Item { kind: Kind::Call, added, done, text, id }
}
