//! Anthropic Messages.

mod blocks;

use super::super::{
    answer::{Answer, Counts},
    choices::{Axis, Choices, axis},
    content::content,
    framing::Event,
    json::{Json, object},
    outcome::Outcome,
    usage::anthropic::Usage,
};

axis! {
    /// Which counts are in the first event, and which in the last ones.
    AnthropicUsagePlace {
        InputFirstOutputLast,
        AllLast,
        NoneFirst,
        ZerosFirst,
        RepeatedLast,
        NullsLast,
        RunningTotals,
        /// Proxies that translate know the input only at the beginning.
        ZerosLast,
        /// A proxy adds it to the end mark.
        EndMark,
    }
}

axis! {
    /// Events that say nothing.
    Silence { None, Pings, PingWithoutData, UnknownEvents }
}

/// A whole answer.
pub fn whole(answer: &Answer, expected: &mut Outcome, choices: &mut Choices<'_>) -> Json {
    let usage = Usage::new(choices);
    let mut json =
        message(answer).with("content", content(blocks::whole(answer, choices), choices));
    json.add("stop_reason", expected.finish.as_deref().unwrap_or_default());
    json.add("stop_sequence", Json::NULL);
    if let Some(counts) = answer.usage {
        json.add("usage", usage.json(counts));
    }
    json
}

/// The events of a streamed answer.
pub fn stream(answer: &Answer, expected: &mut Outcome, choices: &mut Choices<'_>) -> Vec<Event> {
    let (usage, place) = (Usage::new(choices), choices.axis());
    let (first, between, mut last) = match answer.usage {
        None => (None, None, None),
        Some(counts) => reports(place, usage, counts),
    };
    let mut mark = object! { "type": "message_stop" };
    if place == AnthropicUsagePlace::EndMark
        && let Some(all) = last.take()
    {
        mark.add("usage", all);
    }
    let mut start =
        message(answer).with("content", Json::List(vec![])).with("stop_reason", Json::NULL);
    if let Some(first) = first {
        start.add("usage", first);
    }
    let mut events =
        vec![event("message_start", object! { "type": "message_start", "message": start })];
    events.extend(blocks::stream(answer, choices));
    if let Some(between) = between {
        let json = object! { "type": "message_delta", "delta": object! {}, "usage": between };
        events.push(event("message_delta", json));
    }
    let reason = expected.finish.as_deref().unwrap_or_default();
    let delta = object! { "stop_reason": reason, "stop_sequence": Json::NULL };
    let mut end = object! { "type": "message_delta", "delta": delta };
    if let Some(last) = last {
        end.add("usage", last);
    }
    events.push(event("message_delta", end));
    silent(&mut events, choices);
    events.push(event("message_stop", mark));
    events
}

fn message(answer: &Answer) -> Json {
    object! {
        "id": &answer.id, "type": "message", "role": "assistant", "model": &answer.model,
    }
}

fn event(name: &'static str, json: Json) -> Event {
    Event::named(name, json)
}

/// The usage of the first event, of one in the middle, and of the last.
fn reports(
    place: AnthropicUsagePlace,
    usage: Usage,
    counts: Counts,
) -> (Option<Json>, Option<Json>, Option<Json>) {
    let early = usage.json(counts.so_far());
    let all = usage.json(counts);
    let output = usage.output(counts);
    match place {
        AnthropicUsagePlace::InputFirstOutputLast => (Some(early), None, Some(output)),
        AnthropicUsagePlace::AllLast => (Some(object! {}), None, Some(all)),
        AnthropicUsagePlace::NoneFirst | AnthropicUsagePlace::EndMark => (None, None, Some(all)),
        AnthropicUsagePlace::ZerosFirst => (Some(usage.json(Counts::zeros())), None, Some(all)),
        AnthropicUsagePlace::RepeatedLast => (Some(early), None, Some(all)),
        AnthropicUsagePlace::NullsLast => {
            let mut last = output;
            for name in ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"] {
                last.add(name, Json::NULL);
            }
            (Some(early), None, Some(last))
        }
        AnthropicUsagePlace::ZerosLast => {
            let mut last = output;
            for name in ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"] {
                last.add(name, 0);
            }
            (Some(early), None, Some(last))
        }
        AnthropicUsagePlace::RunningTotals => {
            (Some(usage.json(Counts { output: 1, reasoning: 0, ..counts })), Some(early), Some(all))
        }
    }
}

fn silent(events: &mut Vec<Event>, choices: &mut Choices<'_>) {
    let silence: Silence = choices.axis();
    let mut random = choices.random("silence");
    let nothing = match silence {
        Silence::None => return,
        Silence::Pings => event("ping", object! { "type": "ping" }),
        Silence::PingWithoutData => Event { name: Some("ping"), ..Event::text("") },
        Silence::UnknownEvents => event(
            "vendor_note",
            object! { "type": "vendor_note", "delta": object! { "text": "no" } },
        ),
    };
    for _ in 0..2 {
        let at = random.below(events.len() + 1);
        events.insert(at, nothing.clone());
    }
}
