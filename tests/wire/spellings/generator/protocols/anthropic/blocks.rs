//! The blocks of content of a message.

use super::super::super::{
    answer::{Answer, Call},
    choices::{Axis, Choices, axis},
    framing::Event,
    json::{Json, object},
    splits::{argument_text, as_value, growing, pieces, split_units},
};

axis! {
    /// Where the first piece of a text is.
    BlockStart { Empty, FirstPiece }
}

axis! {
    /// Where the input of a call is.
    InputPlace {
        Deltas,
        DeltasBehindAnEmptyOne,
        Start,
        /// In the start, and in the deltas again.
        StartAndDeltas,
        /// Each delta has all so far.
        Growing,
    }
}

axis! {
    /// Events that end a block.
    BlockStops { Sent, Missing }
}

axis! {
    /// Content that is not of the answer.
    OtherContent { None, Signatures, ServerTools, Citations }
}

/// All blocks of a whole message.
pub fn whole(answer: &Answer, choices: &mut Choices<'_>) -> Vec<Json> {
    let mut all = Vec::new();
    if !answer.reasoning.is_empty() {
        all.push(
            object! { "type": "thinking", "thinking": &answer.reasoning, "signature": "c2ln" },
        );
    }
    if !answer.text.is_empty() {
        all.push(object! { "type": "text", "text": &answer.text });
    }
    all.extend(answer.calls.iter().map(|call| tool(call, as_value(&call.arguments, choices))));
    all
}

/// The events of all blocks.
pub fn stream(answer: &Answer, choices: &mut Choices<'_>) -> Vec<Event> {
    let (start, input): (BlockStart, InputPlace) = (choices.axis(), choices.axis());
    let (stops, other): (BlockStops, OtherContent) = (choices.axis(), choices.axis());
    let mut blocks = Vec::new();
    for (text, kind, name, delta) in [
        (&answer.reasoning, "thinking", "thinking", "thinking_delta"),
        (&answer.text, "text", "text", "text_delta"),
    ] {
        if text.is_empty() {
            continue;
        }
        let mut pieces = split_units(text, choices);
        let first = match start {
            BlockStart::Empty => String::new(),
            BlockStart::FirstPiece => pieces.remove(0),
        };
        let mut block = object! { "type": kind };
        block.add(name, first);
        let deltas = pieces.into_iter().map(|piece| object! { "type": delta }.with(name, piece));
        let mut deltas: Vec<_> = deltas.collect();
        match other {
            OtherContent::Signatures if kind == "thinking" => {
                deltas.push(object! { "type": "signature_delta", "signature": "c2ln" });
            }
            OtherContent::Citations if kind == "text" => {
                let citation = object! { "type": "char_location", "cited_text": "no" };
                deltas.push(object! { "type": "citations_delta", "citation": citation });
            }
            _ => {}
        }
        blocks.push((block, deltas));
    }
    if other == OtherContent::ServerTools {
        let block = object! { "type": "server_tool_use", "id": "s", "name": "web_search", "input": object! {} };
        let delta = object! { "type": "input_json_delta", "partial_json": "{\"query\":\"no\"}" };
        blocks.push((block, vec![delta]));
    }
    for call in &answer.calls {
        blocks.push(call_block(call, input, choices));
    }
    let mut events = Vec::new();
    for (at, (block, deltas)) in (0..).zip(blocks) {
        let with = |name: &'static str, json: Json| {
            Event::named(name, json.with("type", name).with("index", Json::Index(at)))
        };
        events.push(with("content_block_start", object! { "content_block": block }));
        let deltas = deltas.into_iter();
        events.extend(deltas.map(|delta| with("content_block_delta", object! { "delta": delta })));
        if stops == BlockStops::Sent {
            events.push(with("content_block_stop", object! {}));
        }
    }
    events
}

/// The start and the deltas of a call.
fn call_block(call: &Call, place: InputPlace, choices: &mut Choices<'_>) -> (Json, Vec<Json>) {
    let mut pieces: Vec<Json> = match place {
        _ if call.arguments == serde_json::json!({}) => vec![],
        InputPlace::Start => vec![],
        InputPlace::Growing => {
            let text = argument_text(&call.arguments, choices);
            growing(&text, choices).into_iter().map(Json::Text).collect()
        }
        _ => pieces(&call.arguments, choices),
    };
    if place == InputPlace::DeltasBehindAnEmptyOne {
        pieces.insert(0, "".into());
    }
    let input = match place {
        InputPlace::Start | InputPlace::StartAndDeltas => as_value(&call.arguments, choices),
        // As data, which has no members that nobody knows: they would be arguments.
        _ => Json::Data(serde_json::json!({})),
    };
    let deltas = pieces
        .into_iter()
        .map(|piece| object! { "type": "input_json_delta", "partial_json": piece });
    (tool(call, input), deltas.collect())
}

fn tool(call: &Call, input: Json) -> Json {
    object! { "type": "tool_use", "id": &call.id, "name": &call.name, "input": input }
}
