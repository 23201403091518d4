//! Chat Completions.

mod message;
mod place;
mod tools;

use super::super::{
    answer::Answer,
    choices::{Axis, Choices, axis},
    framing::Event,
    json::{Json, object},
    outcome::Outcome,
    splits::split,
    usage::openai::Usage,
};
use message::{ReasoningName, TextPlace};

pub use place::{add_usage, add_whole_usage};

axis! {
    /// Where the ids of the answer and the model are.
    AnswerIds { OnEach, OnFirst, EmptyFirst }
}

axis! {
    /// Where the finish reason is.
    FinishPlace { OwnChunk, WithLastContent, TwiceWithEmptyContent }
}

axis! {
    /// Chunks that say nothing.
    NothingSaid { None, EmptyText, NullText, EmptyDelta, NoReason, NullChoices, FilterResults }
}

axis! {
    /// How content is gathered in chunks.
    Gathering { OneEach, InOneDelta, SeveralChoices }
}

/// The members of a delta.
pub type Delta = Vec<(&'static str, Json)>;

/// The envelope of a chunk, or of a whole answer.
pub fn envelope(answer: &Answer, object: &str) -> Json {
    object! { "id": &answer.id, "object": object, "created": 1, "model": &answer.model }
}

/// A whole answer.
pub fn whole(answer: &Answer, expected: &mut Outcome, choices: &mut Choices<'_>) -> Json {
    let (names, place) = (choices.axis::<ReasoningName>(), choices.axis::<TextPlace>());
    let mut message = object! { "role": "assistant" };
    let texts = [place.member(&answer.text)];
    let reasoning =
        if answer.reasoning.is_empty() { vec![] } else { names.members(&answer.reasoning) };
    for (name, value) in message::merged(reasoning, texts.into()) {
        message.add(name, value);
    }
    if !answer.calls.is_empty() {
        message.add("tool_calls", tools::whole(&answer.calls, choices));
    }
    let reason = expected.finish.as_deref().unwrap_or_default();
    let mut choice =
        object! { "index": Json::Index(0), "message": message, "finish_reason": reason };
    let mut json = envelope(answer, "chat.completion");
    add_whole_usage(answer, expected, &mut json, &mut choice, choices);
    json.with("choices", [choice])
}

/// The chunks of a streamed answer.
pub fn stream(answer: &Answer, expected: &mut Outcome, choices: &mut Choices<'_>) -> Vec<Event> {
    let reason = expected.finish.clone().unwrap_or_default();
    let deltas = deltas(answer, expected, choices);
    let mut chunks: Vec<Json> = gathered(deltas, choices)
        .into_iter()
        .map(|deltas| deltas.into_iter().map(choice).collect::<Vec<_>>().into())
        .collect();
    match choices.axis() {
        FinishPlace::OwnChunk => chunks.push([choice(vec![]).with("finish_reason", reason)].into()),
        FinishPlace::WithLastContent => {
            let last = chunks.last_mut().expect("a chunk with the role");
            let Json::List(all) = last else { panic!("no list of choices: {last:?}") };
            all.last_mut().expect("a choice").add("finish_reason", reason);
        }
        FinishPlace::TwiceWithEmptyContent => {
            let finish = |delta| choice(delta).with("finish_reason", &reason);
            chunks.push([finish(vec![])].into());
            chunks
                .push([finish(vec![("role", "assistant".into()), ("content", "".into())])].into());
        }
    }
    silent(&mut chunks, choices);
    let ids: AnswerIds = choices.axis();
    let of = chunks.len();
    let chunks = chunks.into_iter().enumerate().map(|(at, chunk)| {
        chunk_of(answer, "chat.completion.chunk", ids, at, of).with("choices", chunk)
    });
    let mut chunks = chunks.collect();
    add_usage(answer, expected, &mut chunks, choices);
    chunks.into_iter().map(Event::json).collect()
}

/// The envelope of one of the chunks.
pub fn chunk_of(answer: &Answer, object: &str, ids: AnswerIds, at: usize, of: usize) -> Json {
    match (ids, at) {
        (AnswerIds::OnFirst, 1..) => object! { "object": object },
        (AnswerIds::EmptyFirst, 0) if of > 1 => object! { "id": "", "object": object, "model": "" },
        _ => envelope(answer, object),
    }
}

/// A choice with a delta.
fn choice(delta: Delta) -> Json {
    object! { "index": Json::Index(0), "delta": Json::object(delta) }
}

/// What is said, piece by piece.
fn deltas(answer: &Answer, expected: &mut Outcome, choices: &mut Choices<'_>) -> Vec<Delta> {
    let (names, place) = (choices.axis::<ReasoningName>(), choices.axis::<TextPlace>());
    let mut deltas = vec![vec![("role", "assistant".into())]];
    deltas.extend(split(&answer.reasoning, choices).iter().map(|piece| names.members(piece)));
    deltas.extend(split(&answer.text, choices).iter().map(|piece| vec![place.member(piece)]));
    let fragments = tools::fragments(&answer.calls, expected, choices);
    deltas.extend(fragments.into_iter().map(|fragments| vec![("tool_calls", fragments.into())]));
    deltas
}

/// Puts deltas together: each inner list is one chunk.
fn gathered(deltas: Vec<Delta>, choices: &mut Choices<'_>) -> Vec<Vec<Delta>> {
    let gathering: Gathering = choices.axis();
    let mut random = choices.random("gathering");
    let mut chunks: Vec<Vec<Delta>> = Vec::new();
    for delta in deltas {
        let last =
            chunks.last_mut().filter(|_| gathering != Gathering::OneEach && random.one_in(2));
        match last {
            Some(last) if gathering == Gathering::SeveralChoices => last.push(delta),
            Some(last) => {
                let into = &mut last[0];
                let meets = delta.iter().any(|(key, _)| into.iter().any(|(other, _)| other == key));
                match meets {
                    true => chunks.push(vec![delta]),
                    false => into.extend(delta),
                }
            }
            None => chunks.push(vec![delta]),
        }
    }
    chunks
}

/// Adds chunks that say nothing between the others, but not behind the last one.
fn silent(chunks: &mut Vec<Json>, choices: &mut Choices<'_>) {
    let said: NothingSaid = choices.axis();
    let nothing: Json = match said {
        NothingSaid::None => return,
        NothingSaid::EmptyText => [choice(vec![("content", "".into())])].into(),
        NothingSaid::NullText => {
            [choice(vec![("content", Json::NULL), ("tool_calls", Json::NULL)])].into()
        }
        NothingSaid::EmptyDelta => [choice(vec![]).with("finish_reason", Json::NULL)].into(),
        NothingSaid::NoReason => [choice(vec![]).with("finish_reason", "null")].into(),
        NothingSaid::NullChoices => Json::NULL,
        NothingSaid::FilterResults => {
            [object! { "index": 0, "content_filter_offsets": object! { "end_offset": 3 } }].into()
        }
    };
    let mut random = choices.random("nothing said");
    for _ in 0..2 {
        let at = random.below(chunks.len());
        chunks.insert(at, nothing.clone());
    }
}
