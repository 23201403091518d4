//! Cohere's chat of both versions.

use super::{
    super::{
        answer::{Answer, Counts},
        choices::{Axis, Choices, axis},
        content::content,
        framing::{Event, event_stream, lines},
        json::{Json, object},
        outcome::Outcome,
        splits::{as_text, as_value, pieces, split},
        whole::whole,
        writing::Writer,
    },
    Rendered,
};

axis! {
    CohereForm { V2Stream, V2Whole, V1Lines, V1Stream, V1Whole }
}

axis! {
    /// Whether `content-start` begins the text, or `content-delta` has all of it.
    CohereStart { Empty, WithText }
}

axis! {
    CohereUsage { Both, BilledOnly, TokensOnly }
}

axis! {
    /// What is no content.
    CohereAside { None, PlanAndCitations }
}

axis! {
    /// How version 1 streams calls, which its last event repeats.
    CohereCalls { Generation, Chunks, ChunksThenGeneration, EndOnly }
}

pub fn render(
    answer: &Answer,
    mut expected: Outcome,
    writer: &mut Writer,
    choices: &mut Choices<'_>,
) -> Rendered {
    let form: CohereForm = choices.axis();
    expected.model = None;
    if matches!(form, CohereForm::V1Lines | CohereForm::V1Stream | CohereForm::V1Whole) {
        expected.reasoning.clear();
        expected.calls.iter_mut().for_each(|call| call.id.clear());
    }
    if matches!(form, CohereForm::V2Whole | CohereForm::V1Whole) {
        expected.streamed = Some(false);
        let json = match form {
            CohereForm::V2Whole => whole_v2(answer, &expected, choices),
            _ => whole_v1(answer, &expected, choices),
        };
        let body = whole(&json, writer, choices);
        return Rendered { body, content_type: "application/json", expected };
    }
    let events = match form {
        CohereForm::V2Stream => stream_v2(answer, &expected, choices),
        _ => stream_v1(answer, &expected, choices),
    };
    if form == CohereForm::V1Lines {
        let body = lines(&events, writer, choices);
        return Rendered { body, content_type: "application/stream+json", expected };
    }
    let body = event_stream(&events, writer, choices);
    Rendered { body, content_type: "text/event-stream", expected }
}

fn usage(counts: Counts, choices: &mut Choices<'_>) -> Json {
    let of = |input, output| {
        object! { "input_tokens": Json::Count(input), "output_tokens": Json::Count(output) }
    };
    let all = of(counts.input, counts.output);
    let mut json = match choices.axis() {
        // Fewer tokens are billed.
        CohereUsage::Both => {
            object! { "billed_units": of(counts.input / 3, counts.output / 2), "tokens": all }
        }
        CohereUsage::TokensOnly => object! { "tokens": all },
        CohereUsage::BilledOnly => object! { "billed_units": all },
    };
    if counts.read > 0 {
        json.add("cached_tokens", Json::Count(counts.read));
    }
    json
}

fn event(kind: &'static str, json: Json) -> Event {
    Event::named(kind, json.with("type", kind))
}

fn message_delta(message: Json) -> Json {
    object! { "delta": object! { "message": message } }
}

fn stream_v2(answer: &Answer, expected: &Outcome, choices: &mut Choices<'_>) -> Vec<Event> {
    let role = object! { "role": "assistant", "content": Json::List(vec![]) };
    let mut events = vec![event("message-start", message_delta(role).with("id", &answer.id))];
    let aside = choices.axis::<CohereAside>() == CohereAside::PlanAndCitations;
    if aside {
        let plan = object! { "tool_plan": "I will search." };
        events.push(event("tool-plan-delta", message_delta(plan)));
    }
    let start: CohereStart = choices.axis();
    let texts = [("thinking", &answer.reasoning), ("text", &answer.text)];
    for (at, (kind, text)) in (0..).zip(texts.into_iter().filter(|(_, text)| !text.is_empty())) {
        let mut pieces = split(text, choices).into_iter();
        let first = match start {
            CohereStart::Empty => String::new(),
            CohereStart::WithText => pieces.next().unwrap_or_default(),
        };
        let content = object! { "type": kind }.with(kind, first);
        let json = message_delta(object! { "content": content }).with("index", Json::Index(at));
        events.push(event("content-start", json));
        for piece in pieces {
            let content = object! {}.with(kind, piece);
            let json = message_delta(object! { "content": content }).with("index", Json::Index(at));
            events.push(event("content-delta", json));
        }
        events.push(event("content-end", object! { "index": Json::Index(at) }));
    }
    if aside {
        let citation = object! { "start": 0, "end": 3, "text": "no" };
        let json = message_delta(object! { "citations": citation });
        events.push(event("citation-start", json.with("index", Json::Index(0))));
    }
    for (at, call) in (0..).zip(&answer.calls) {
        let function = object! { "name": &call.name, "arguments": "" };
        let json = object! { "id": &call.id, "type": "function", "function": function };
        let json = message_delta(object! { "tool_calls": json }).with("index", Json::Index(at));
        events.push(event("tool-call-start", json));
        for piece in pieces(&call.arguments, choices) {
            let json = object! { "function": object! { "arguments": piece } };
            let json = message_delta(object! { "tool_calls": json }).with("index", Json::Index(at));
            events.push(event("tool-call-delta", json));
        }
        events.push(event("tool-call-end", object! { "index": Json::Index(at) }));
    }
    let mut delta = object! { "finish_reason": expected.finish.as_deref().unwrap_or_default() };
    if let Some(counts) = answer.usage {
        delta.add("usage", usage(counts, choices));
    }
    events.push(event("message-end", object! { "delta": delta }));
    events
}

fn whole_v2(answer: &Answer, expected: &Outcome, choices: &mut Choices<'_>) -> Json {
    let texts = [("thinking", &answer.reasoning), ("text", &answer.text)];
    let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
    let parts = texts.map(|(kind, text)| object! { "type": kind }.with(kind, text)).collect();
    let mut message = object! { "role": "assistant", "content": content(parts, choices) };
    if choices.axis::<CohereAside>() == CohereAside::PlanAndCitations {
        message.add("tool_plan", "I will search.");
        message.add("citations", Json::List(vec![object! { "start": 0, "end": 3, "text": "no" }]));
    }
    let calls = answer.calls.iter().map(|call| {
        let arguments = as_text(&call.arguments, choices);
        let function = object! { "name": &call.name, "arguments": arguments };
        object! { "id": &call.id, "type": "function", "function": function }
    });
    let calls: Vec<_> = calls.collect();
    if !calls.is_empty() {
        message.add("tool_calls", calls);
    }
    let finish = expected.finish.as_deref().unwrap_or_default();
    let mut json = object! { "id": &answer.id, "finish_reason": finish, "message": message };
    if let Some(counts) = answer.usage {
        json.add("usage", usage(counts, choices));
    }
    json
}

fn event_v1(kind: &'static str, json: Json) -> Event {
    Event::named(kind, json.with("event_type", kind))
}

fn stream_v1(answer: &Answer, expected: &Outcome, choices: &mut Choices<'_>) -> Vec<Event> {
    let mut events = vec![event_v1("stream-start", object! { "generation_id": &answer.id })];
    for piece in split(&answer.text, choices) {
        events.push(event_v1("text-generation", object! { "text": piece }));
    }
    let how: CohereCalls = choices.axis();
    if matches!(how, CohereCalls::Chunks | CohereCalls::ChunksThenGeneration) {
        for (at, call) in (0..).zip(&answer.calls) {
            let delta =
                |json: Json| object! { "tool_call_delta": json.with("index", Json::Index(at)) };
            events.push(event_v1("tool-calls-chunk", delta(object! { "name": &call.name })));
            for piece in split(&call.arguments.to_string(), choices) {
                events.push(event_v1("tool-calls-chunk", delta(object! { "parameters": piece })));
            }
        }
    }
    if matches!(how, CohereCalls::Generation | CohereCalls::ChunksThenGeneration)
        && !answer.calls.is_empty()
    {
        events.push(event_v1(
            "tool-calls-generation",
            object! { "tool_calls": calls_v1(answer, choices) },
        ));
    }
    let finish = expected.finish.as_deref().unwrap_or_default();
    let response = whole_v1(answer, expected, choices);
    let end = object! { "is_finished": true, "finish_reason": finish, "response": response };
    events.push(event_v1("stream-end", end));
    events
}

fn calls_v1(answer: &Answer, choices: &mut Choices<'_>) -> Vec<Json> {
    let call = |call: &super::super::answer::Call| {
        object! { "name": &call.name, "parameters": as_value(&call.arguments, choices) }
    };
    answer.calls.iter().map(call).collect()
}

fn whole_v1(answer: &Answer, expected: &Outcome, choices: &mut Choices<'_>) -> Json {
    let finish = expected.finish.as_deref().unwrap_or_default();
    let mut json = object! {
        "response_id": "no", "generation_id": &answer.id, "text": &answer.text,
        "finish_reason": finish,
    };
    let calls = calls_v1(answer, choices);
    if !calls.is_empty() {
        json.add("tool_calls", calls);
    }
    let mut meta = object! { "api_version": object! { "version": "1" } };
    if let Some(counts) = answer.usage {
        let Json::Object(members) = usage(counts, choices) else { return json };
        for (name, value) in members {
            meta.add(&name, value);
        }
    }
    json.add("meta", meta);
    json
}
