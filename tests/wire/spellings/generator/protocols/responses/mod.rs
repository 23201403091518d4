//! OpenAI's Responses.

mod items;
mod stream;

pub use stream::stream;

use super::super::{
    answer::Answer,
    choices::Choices,
    json::{Json, object},
    outcome::Outcome,
    usage::responses::json as usage,
};

/// A whole answer.
pub fn whole(answer: &Answer, expected: &mut Outcome, choices: &mut Choices<'_>) -> Json {
    let output = items::all(answer, choices).into_iter().map(|item| item.done).collect();
    response(answer, expected, Json::List(output), choices)
}

/// The answer as its last event repeats it.
fn response(answer: &Answer, expected: &Outcome, output: Json, choices: &mut Choices<'_>) -> Json {
    let reason = expected.finish.as_deref().unwrap_or_default();
    let mut json = match answer.cut_short {
        false => beginning(answer, "completed"),
        true => {
            beginning(answer, "incomplete").with("incomplete_details", object! { "reason": reason })
        }
    }
    .with("output", output);
    if let Some(counts) = answer.usage {
        json.add("usage", usage(counts, choices));
    }
    json
}

/// The answer before it has content.
fn beginning(answer: &Answer, status: &str) -> Json {
    object! {
        "id": &answer.id, "object": "response", "model": &answer.model, "status": status,
        "error": Json::NULL,
    }
}
