//! Gemini's `generateContent` and its stream.

use super::{
    super::{
        answer::{Answer, Call, Counts},
        choices::{Axis, Choices, axis},
        framing::{Event, array, event_stream},
        json::{Json, object},
        outcome::Outcome,
        splits::{as_value, split},
        usage::gemini::Usage,
        whole::whole,
        writing::Writer,
    },
    Rendered,
};

axis! {
    GeminiForm { EventStream, Array, Whole, EventStreamWithMark }
}

axis! {
    /// How the finish reason is written.
    FinishWord { Name, Number }
}

axis! {
    /// The case of the names of members.
    MemberCase { Camel, Snake }
}

axis! {
    FinishWhere { LastContent, OwnChunk, OwnChunkWithEmptyText }
}

axis! {
    MetadataPlace { EachChunk, LastChunk, OwnChunk, ZerosFirst, TrafficTypeFirst }
}

axis! {
    PartsGathering { OneEach, Several }
}

axis! {
    CandidateIndex { Absent, Present }
}

axis! {
    /// Parts that are no content.
    OtherParts { None, EmptyText, Signature, ExecutedCode }
}

pub fn render(
    answer: &Answer,
    mut expected: Outcome,
    writer: &mut Writer,
    choices: &mut Choices<'_>,
) -> Rendered {
    let (form, case): (GeminiForm, MemberCase) = (choices.axis(), choices.axis());
    if form == GeminiForm::Whole {
        expected.streamed = Some(false);
        let mut pieces = parts(&answer.reasoning, true, choices, true);
        pieces.extend(parts(&answer.text, false, choices, true));
        pieces.extend(calls(answer, choices));
        let reason = finish(answer, choices);
        let mut chunk = chunk(answer, vec![candidate(pieces, choices, Some(reason))]);
        if let Some(usage) = answer.usage {
            chunk.add("usageMetadata", Usage::new(choices).json(usage));
        }
        let body = whole(&cased(chunk, case), writer, choices);
        return Rendered { body, content_type: "application/json", expected };
    }
    let mut events: Vec<_> =
        chunks(answer, choices).into_iter().map(|chunk| Event::json(cased(chunk, case))).collect();
    if form == GeminiForm::Array {
        let body = array(&events, writer, choices);
        return Rendered { body, content_type: "application/json", expected };
    }
    if form == GeminiForm::EventStreamWithMark {
        events.push(Event::text("[DONE]"));
    }
    let body = event_stream(&events, writer, choices);
    Rendered { body, content_type: "text/event-stream", expected }
}

/// The chunks of a streamed answer.
fn chunks(answer: &Answer, choices: &mut Choices<'_>) -> Vec<Json> {
    let mut pieces = parts(&answer.reasoning, true, choices, false);
    pieces.extend(parts(&answer.text, false, choices, false));
    pieces.extend(calls(answer, choices));
    let gathering: PartsGathering = choices.axis();
    let mut random = choices.random("parts");
    let mut groups: Vec<Vec<Json>> = Vec::new();
    for piece in pieces {
        match groups.last_mut() {
            Some(last) if gathering == PartsGathering::Several && random.one_in(2) => {
                last.push(piece);
            }
            _ => groups.push(vec![piece]),
        }
    }
    match choices.axis() {
        FinishWhere::LastContent => {}
        FinishWhere::OwnChunk => groups.push(vec![]),
        FinishWhere::OwnChunkWithEmptyText => groups.push(vec![object! { "text": "" }]),
    }
    let reason = finish(answer, choices);
    let last = groups.len().saturating_sub(1);
    let groups = groups.into_iter().enumerate();
    let mut chunks: Vec<_> = groups
        .map(|(at, parts)| {
            let reason = Some(reason.clone()).filter(|_| at == last);
            chunk(answer, vec![candidate(parts, choices, reason)])
        })
        .collect();
    add_usage(answer, &mut chunks, choices);
    chunks
}

fn add_usage(answer: &Answer, chunks: &mut Vec<Json>, choices: &mut Choices<'_>) {
    let (usage, place) = (Usage::new(choices), choices.axis());
    let Some(counts) = answer.usage else { return };
    let before = match place {
        MetadataPlace::EachChunk => Some(usage.json(counts.so_far())),
        MetadataPlace::ZerosFirst => Some(usage.json(Counts::zeros())),
        MetadataPlace::TrafficTypeFirst => Some(object! { "trafficType": "ON_DEMAND" }),
        MetadataPlace::LastChunk | MetadataPlace::OwnChunk => None,
    };
    if place == MetadataPlace::OwnChunk {
        chunks.push(object! { "responseId": &answer.id, "modelVersion": &answer.model });
    }
    let (last, others) = chunks.split_last_mut().expect("a chunk with the finish reason");
    if let Some(before) = before {
        others.iter_mut().for_each(|chunk| chunk.add("usageMetadata", before.clone()));
    }
    last.add("usageMetadata", usage.json(counts));
}

fn chunk(answer: &Answer, candidates: Vec<Json>) -> Json {
    object! {
        "candidates": candidates, "modelVersion": &answer.model, "responseId": &answer.id,
    }
}

fn candidate(parts: Vec<Json>, choices: &mut Choices<'_>, finish: Option<Json>) -> Json {
    let mut json = object! { "content": object! { "role": "model", "parts": parts } };
    if let Some(finish) = finish {
        json.add("finishReason", finish);
    }
    if choices.axis::<CandidateIndex>() == CandidateIndex::Present {
        json.add("index", Json::Index(0));
    }
    json
}

fn finish(answer: &Answer, choices: &mut Choices<'_>) -> Json {
    match (choices.axis(), answer.cut_short) {
        (FinishWord::Name, false) => "STOP".into(),
        (FinishWord::Name, true) => "MAX_TOKENS".into(),
        // Enums as numbers, as some REST clients ask for them.
        (FinishWord::Number, false) => 1.into(),
        (FinishWord::Number, true) => 2.into(),
    }
}

/// The parts of a text, with parts that are no content.
fn parts(text: &str, thought: bool, choices: &mut Choices<'_>, whole: bool) -> Vec<Json> {
    let pieces = match (whole, text) {
        (_, "") => return vec![],
        (true, text) => vec![text.to_owned()],
        (false, text) => split(text, choices),
    };
    let mut all: Vec<_> = pieces
        .into_iter()
        .map(|piece| match thought {
            true => object! { "text": piece, "thought": true },
            false => object! { "text": piece },
        })
        .collect();
    match choices.axis() {
        OtherParts::None => {}
        OtherParts::EmptyText => all.insert(0, object! { "text": "" }),
        OtherParts::Signature => all.push(object! { "text": "", "thoughtSignature": "c2ln" }),
        OtherParts::ExecutedCode => {
            all.push(object! { "executableCode": object! { "language": "PYTHON", "code": "no" } });
            let output = object! { "outcome": "OUTCOME_OK", "output": "no" };
            all.push(object! { "codeExecutionResult": output });
        }
    }
    all
}

fn calls(answer: &Answer, choices: &mut Choices<'_>) -> Vec<Json> {
    let each = |call: &Call| {
        let args = as_value(&call.arguments, choices);
        object! { "functionCall": object! { "id": &call.id, "name": &call.name, "args": args } }
    };
    answer.calls.iter().map(each).collect()
}

/// Names the members of a chunk, except for those of arguments.
fn cased(json: Json, case: MemberCase) -> Json {
    let snake = |name: String| {
        let mut snake = String::new();
        for letter in name.chars() {
            if letter.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(letter.to_ascii_lowercase());
        }
        snake
    };
    match (case, json) {
        (MemberCase::Snake, Json::Object(members)) => {
            let members = members.into_iter();
            Json::Object(members.map(|(name, it)| (snake(name), cased(it, case))).collect())
        }
        (MemberCase::Snake, Json::List(all)) => {
            Json::List(all.into_iter().map(|it| cased(it, case)).collect())
        }
        (_, json) => json,
    }
}
