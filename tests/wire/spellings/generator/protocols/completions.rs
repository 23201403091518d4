//! Legacy Completions.

use super::{
    super::{
        answer::Answer,
        choices::Choices,
        framing::Event,
        json::{Json, object},
        outcome::Outcome,
        splits::split_units,
    },
    chat::{AnswerIds, add_usage, chunk_of, envelope},
};

/// A whole answer.
pub fn whole(answer: &Answer, expected: &mut Outcome, choices: &mut Choices<'_>) -> Json {
    let mut choice = choice(&answer.text);
    choice.add("finish_reason", expected.finish.as_deref().unwrap_or_default());
    let mut json = envelope(answer, "text_completion");
    super::chat::add_whole_usage(answer, expected, &mut json, &mut choice, choices);
    json.with("choices", [choice])
}

/// The chunks of a streamed answer.
pub fn stream(answer: &Answer, expected: &mut Outcome, choices: &mut Choices<'_>) -> Vec<Event> {
    let mut all: Vec<Json> =
        split_units(&answer.text, choices).iter().map(|text| choice(text)).collect();
    if all.is_empty() {
        all.push(choice(""));
    }
    let reason = expected.finish.as_deref().unwrap_or_default();
    all.last_mut().expect("a choice").add("finish_reason", reason);
    let ids: AnswerIds = choices.axis();
    let of = all.len();
    let chunks = all.into_iter().enumerate();
    let chunk =
        |(at, choice)| chunk_of(answer, "text_completion", ids, at, of).with("choices", [choice]);
    let mut chunks = chunks.map(chunk).collect();
    add_usage(answer, expected, &mut chunks, choices);
    chunks.into_iter().map(Event::json).collect()
}

fn choice(text: &str) -> Json {
    object! { "index": Json::Index(0), "text": text, "logprobs": Json::NULL }
}
