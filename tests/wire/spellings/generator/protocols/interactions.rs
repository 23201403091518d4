//! Gemini's interactions.

use super::super::{
    answer::{Answer, Counts},
    choices::{Axis, Choices, axis},
    framing::Event,
    json::{Json, object},
    outcome::Outcome,
    splits::{as_value, pieces, split},
};

axis! {
    InteractionsUsage { Last, EachDelta, TotalEachDelta, StatusUpdate }
}

axis! {
    /// How a call gets its arguments.
    InteractionsArguments { EmptyThenDeltas, Deltas, AtStart }
}

axis! {
    /// Whether the last event repeats the steps.
    InteractionsSteps { Absent, Repeated }
}

axis! {
    /// Steps that are no content.
    OtherSteps { None, Search }
}

fn usage(counts: Counts) -> Json {
    object! {
        "total_input_tokens": Json::Count(counts.input),
        "total_cached_tokens": Json::Count(counts.read),
        "total_output_tokens": Json::Count(counts.output - counts.reasoning),
        "total_thought_tokens": Json::Count(counts.reasoning),
        "total_tokens": Json::Count(counts.total()),
    }
}

/// A whole answer.
pub fn whole(answer: &Answer, expected: &mut Outcome, choices: &mut Choices<'_>) -> Json {
    let mut json = interaction(answer, expected.finish.as_deref().unwrap_or_default());
    json.add("steps", steps(answer, choices));
    if let Some(counts) = answer.usage {
        json.add("usage", usage(counts));
    }
    json
}

fn interaction(answer: &Answer, status: &str) -> Json {
    object! {
        "id": &answer.id, "object": "interaction", "model": &answer.model, "status": status,
    }
}

fn steps(answer: &Answer, choices: &mut Choices<'_>) -> Vec<Json> {
    let text = |text: &String| Json::List(vec![object! { "type": "text", "text": text }]);
    let mut all = Vec::new();
    if !answer.reasoning.is_empty() {
        all.push(object! { "type": "thought", "summary": text(&answer.reasoning) });
    }
    if choices.axis::<OtherSteps>() == OtherSteps::Search {
        all.push(object! { "type": "google_search_call", "id": "s", "arguments": object! {} });
    }
    all.push(object! { "type": "model_output", "content": text(&answer.text) });
    for call in &answer.calls {
        let arguments = as_value(&call.arguments, choices);
        let json = object! { "type": "function_call", "id": &call.id, "name": &call.name };
        all.push(json.with("arguments", arguments));
    }
    all
}

fn event(kind: &'static str, json: Json) -> Event {
    Event::named(kind, json.with("event_type", kind))
}

/// The events of a streamed answer.
pub fn stream(answer: &Answer, expected: &mut Outcome, choices: &mut Choices<'_>) -> Vec<Event> {
    let created = object! { "interaction": interaction(answer, "in_progress") };
    let mut events = vec![event("interaction.created", created)];
    let place: InteractionsUsage = choices.axis();
    let early = answer.usage.map(|counts| usage(counts.so_far()));
    let update = object! { "interaction_id": &answer.id, "status": "in_progress" };
    events.push(event(
        "interaction.status_update",
        match (place, &early) {
            (InteractionsUsage::StatusUpdate, Some(early)) => update.with("usage", early.clone()),
            _ => update,
        },
    ));
    let delta = |at: u64, delta: Json| {
        let json = object! { "index": Json::Index(at), "delta": delta };
        let metadata = match (place, &early) {
            (InteractionsUsage::EachDelta, Some(early)) => object! { "usage": early.clone() },
            (InteractionsUsage::TotalEachDelta, Some(early)) => {
                object! { "total_usage": early.clone() }
            }
            _ => return event("step.delta", json),
        };
        event("step.delta", json.with("metadata", metadata))
    };
    let start = |at: u64, step: Json| {
        event("step.start", object! { "index": Json::Index(at), "step": step })
    };
    let mut at = 0;
    let mut stop = |events: &mut Vec<Event>| {
        events.push(event("step.stop", object! { "index": Json::Index(at) }));
        at += 1;
        at
    };
    let mut step = 0;
    if !answer.reasoning.is_empty() {
        events.push(start(step, object! { "type": "thought" }));
        for piece in split(&answer.reasoning, choices) {
            let content = object! { "type": "text", "text": piece };
            let json = object! { "type": "thought_summary", "content": content };
            events.push(delta(step, json));
            events.push(delta(step, object! { "type": "thought_signature", "signature": "c2ln" }));
        }
        step = stop(&mut events);
    }
    if choices.axis::<OtherSteps>() == OtherSteps::Search {
        events.push(start(step, object! { "type": "google_search_call", "id": "s" }));
        let json = object! { "type": "google_search_call", "arguments": object! { "q": "no" } };
        events.push(delta(step, json));
        step = stop(&mut events);
    }
    events.push(start(step, object! { "type": "model_output" }));
    for piece in split(&answer.text, choices) {
        events.push(delta(step, object! { "type": "text", "text": piece }));
    }
    step = stop(&mut events);
    let how: InteractionsArguments = choices.axis();
    for call in &answer.calls {
        let json = object! { "type": "function_call", "id": &call.id, "name": &call.name };
        events.push(start(
            step,
            match how {
                InteractionsArguments::EmptyThenDeltas => {
                    json.with("arguments", Json::Data(serde_json::json!({})))
                }
                InteractionsArguments::Deltas => json,
                InteractionsArguments::AtStart => {
                    json.with("arguments", as_value(&call.arguments, choices))
                }
            },
        ));
        if how != InteractionsArguments::AtStart {
            for piece in pieces(&call.arguments, choices) {
                let json = object! { "type": "arguments_delta", "arguments": piece };
                events.push(delta(step, json));
            }
        }
        step = stop(&mut events);
    }
    let mut last = interaction(answer, expected.finish.as_deref().unwrap_or_default());
    if let Some(counts) = answer.usage {
        last.add("usage", usage(counts));
    }
    if choices.axis::<InteractionsSteps>() == InteractionsSteps::Repeated {
        last.add("steps", steps(answer, choices));
    }
    events.push(event("interaction.completed", object! { "interaction": last }));
    events
}
