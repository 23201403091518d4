//! Failures that are told with status 200, within a stream or as the whole body.

mod beginnings;
mod envelopes;

use self::{beginnings::beginning, envelopes::Envelope};
use super::{
    answer::Answer,
    choices::{Axis, Choices, axis},
    framing::{Event, array, event_stream, lines},
    outcome::{End, Outcome},
    protocols::{Protocol, Rendered},
    whole::whole,
    writing::Writer,
};

axis! {
    /// How the error comes.
    Place {
        Data,
        /// An event of the name `error`.
        NamedEvent,
        /// A JSON text on a line, without `data:`.
        BareLine,
        /// A JSON text over several lines, without `data:`.
        BareLines,
        WholeBody,
    }
}

axis! {
    /// What comes before the error.
    Before { Content, Nothing }
}

axis! {
    /// What comes behind the error.
    After { Nothing, DoneMark }
}

axis! {
    /// The message of an error.
    MessagePart { Plain, OtherScripts, Long }
}

/// An error, whatever its envelope.
#[derive(Debug)]
pub struct Failure {
    message: String,
}

impl Failure {
    pub fn new(choices: &mut Choices<'_>) -> Self {
        let message = match choices.part() {
            MessagePart::Plain => "The model is overloaded".to_owned(),
            MessagePart::OtherScripts => {
                "Zu viele \"Anfragen\" – 请稍后 👋🏽\n".trim_end().to_owned()
            }
            MessagePart::Long => "no capacity left; ".repeat(8).trim_end().to_owned(),
        };
        Self { message }
    }

    pub fn render(&self, protocol: Protocol, choices: &mut Choices<'_>) -> Rendered {
        let envelope: Envelope = choices.axis();
        let (envelope, codes) = envelope.json(&self.message, protocol, choices);
        let place: Place = choices.axis();
        let before: Before = choices.axis();
        let writer = &mut Writer::new(choices);
        let mut expected = Outcome {
            id: None,
            model: None,
            text: String::new(),
            reasoning: String::new(),
            calls: vec![],
            finish: None,
            usage: None,
            streamed: None,
            faults: 0,
            end: End::Error(self.message.clone(), codes),
        };
        if place == Place::WholeBody {
            let body = whole(&envelope, writer, choices);
            return Rendered { body, content_type: "application/json", expected };
        }
        let mut events = Vec::new();
        if before == Before::Content {
            let answer = Answer { text: "Hel".into(), ..Answer::new(&mut Choices::bytes(&[])) };
            events = beginning(protocol, &answer);
            expected.text = answer.text;
            expected.id = protocol.has_id().then_some(answer.id);
            expected.model = protocol.has_model().then_some(answer.model);
        }
        let after: After = choices.axis();
        let mark = (after == After::DoneMark).then(|| Event::text("[DONE]"));
        let (body, content_type) = match (protocol, place) {
            (Protocol::Ollama, Place::Data) => {
                events.push(Event::json(envelope));
                (lines(&events, writer, choices), "application/x-ndjson")
            }
            (Protocol::Gemini, Place::Data) if after == After::Nothing => {
                events.push(Event::json(envelope));
                (array(&events, writer, choices), "application/json")
            }
            (_, Place::Data | Place::NamedEvent) => {
                events.push(match place {
                    Place::NamedEvent => Event::named("error", envelope),
                    _ => Event::json(envelope),
                });
                events.extend(mark);
                (event_stream(&events, writer, choices), "text/event-stream")
            }
            (_, Place::BareLine | Place::BareLines | Place::WholeBody) => {
                let text = match place {
                    Place::BareLines => writer.lines(&envelope),
                    _ => writer.line(&envelope),
                };
                let mut body = match events.is_empty() {
                    // Else the first byte is that of a whole body.
                    true => b": keep-alive\n\n".to_vec(),
                    false => event_stream(&events, writer, choices),
                };
                // The line is one of its own, however the events end.
                let text = format!("\n\n{text}\n\n");
                body.extend_from_slice(text.as_bytes());
                if mark.is_some() {
                    body.extend_from_slice(b"data: [DONE]\n\n");
                }
                (body, "text/event-stream")
            }
        };
        Rendered { body, content_type, expected }
    }
}
