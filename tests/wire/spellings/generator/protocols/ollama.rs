//! Ollama's `chat`.

use super::{
    super::{
        answer::Answer,
        choices::{Axis, Choices, axis},
        framing::{Event, event_stream, lines},
        json::{Json, object},
        outcome::Outcome,
        splits::{as_value, split_units},
        whole::whole,
        writing::Writer,
    },
    Rendered,
};

axis! {
    /// Gateways turn lines into events.
    OllamaForm { Lines, Whole, EventStream, EventStreamWithMark }
}

axis! {
    OllamaIds { Present, Absent }
}

axis! {
    OllamaGathering { OneEach, CallsTogether, AllInLast }
}

axis! {
    OllamaCounts { Last, NullsFirst, Durations }
}

pub fn render(
    answer: &Answer,
    mut expected: Outcome,
    writer: &mut Writer,
    choices: &mut Choices<'_>,
) -> Rendered {
    let style =
        Style { ids: choices.axis::<OllamaIds>() == OllamaIds::Present, counts: choices.axis() };
    if !style.ids {
        expected.calls.iter_mut().for_each(|call| call.id.clear());
    }
    let form: OllamaForm = choices.axis();
    if form == OllamaForm::Whole {
        expected.streamed = None;
        let json = style.last(answer, style.message(answer, choices), &expected);
        let body = whole(&json, writer, choices);
        return Rendered { body, content_type: "application/json", expected };
    }
    let events: Vec<_> =
        style.lines(answer, &expected, choices).into_iter().map(Event::json).collect();
    if events.len() == 1 {
        // One line is the same as a whole answer.
        expected.streamed = None;
    }
    if form == OllamaForm::Lines {
        let body = lines(&events, writer, choices);
        return Rendered { body, content_type: "application/x-ndjson", expected };
    }
    let mark = (form == OllamaForm::EventStreamWithMark).then(|| Event::text("[DONE]"));
    let events: Vec<_> = events.into_iter().chain(mark).collect();
    expected.streamed = Some(true);
    let body = event_stream(&events, writer, choices);
    Rendered { body, content_type: "text/event-stream", expected }
}

struct Style {
    ids: bool,
    counts: OllamaCounts,
}

impl Style {
    fn lines(&self, answer: &Answer, expected: &Outcome, choices: &mut Choices<'_>) -> Vec<Json> {
        let gathering: OllamaGathering = choices.axis();
        if gathering == OllamaGathering::AllInLast {
            return vec![self.last(answer, self.message(answer, choices), expected)];
        }
        let mut messages = Vec::new();
        for piece in split_units(&answer.reasoning, choices) {
            messages.push(object! { "role": "assistant", "content": "", "thinking": piece });
        }
        for piece in split_units(&answer.text, choices) {
            messages.push(object! { "role": "assistant", "content": piece });
        }
        let calls = self.calls(answer, choices);
        let groups = match gathering {
            OllamaGathering::CallsTogether if !calls.is_empty() => vec![calls],
            _ => calls.into_iter().map(|call| vec![call]).collect(),
        };
        for calls in groups {
            messages.push(object! { "role": "assistant", "content": "", "tool_calls": calls });
        }
        let line = |message| {
            let mut json = object! { "model": &answer.model, "message": message, "done": false };
            if self.counts == OllamaCounts::NullsFirst {
                json.add("prompt_eval_count", Json::NULL);
                json.add("eval_count", Json::NULL);
            }
            json
        };
        let mut all: Vec<_> = messages.into_iter().map(line).collect();
        all.push(self.last(answer, object! { "role": "assistant", "content": "" }, expected));
        all
    }

    /// The whole message.
    fn message(&self, answer: &Answer, choices: &mut Choices<'_>) -> Json {
        let mut json = object! { "role": "assistant", "content": &answer.text };
        if !answer.reasoning.is_empty() {
            json.add("thinking", &answer.reasoning);
        }
        let calls = self.calls(answer, choices);
        if !calls.is_empty() {
            json.add("tool_calls", calls);
        }
        json
    }

    fn calls(&self, answer: &Answer, choices: &mut Choices<'_>) -> Vec<Json> {
        let each = answer.calls.iter().map(|call| {
            let arguments = as_value(&call.arguments, choices);
            let function = object! { "name": &call.name, "arguments": arguments };
            let mut json = object! { "function": function };
            if self.ids {
                json.add("id", &call.id);
            }
            json
        });
        each.collect()
    }

    /// The last line, which says why the answer ended.
    fn last(&self, answer: &Answer, message: Json, expected: &Outcome) -> Json {
        let reason = expected.finish.as_deref().unwrap_or_default();
        let mut json = object! { "model": &answer.model, "message": message, "done": true };
        json.add("done_reason", reason);
        if let Some(usage) = answer.usage {
            json.add("prompt_eval_count", Json::Count(usage.input));
            json.add("eval_count", Json::Count(usage.output));
        }
        if self.counts == OllamaCounts::Durations {
            json.add("total_duration", 123_456_789);
            json.add("eval_duration", 1_000);
        }
        json
    }
}
