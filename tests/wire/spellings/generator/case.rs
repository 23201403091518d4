//! A body, and what it says.

use super::{
    answer::Answer,
    bytes::Cuts,
    choices::{Axis, Choices, axis},
    errors::Failure,
    outcome::Outcome,
    protocols::{Protocol, Rendered},
};

axis! {
    /// The content type that is declared for a body.
    ContentType { Right, Missing, Json, EventStream }
}

/// A body in pieces, and what every client reads from it.
#[derive(Debug)]
pub struct Case {
    protocol: Protocol,
    content_type: Option<&'static str>,
    pieces: Vec<Vec<u8>>,
    expected: Outcome,
}

impl Case {
    /// Chooses an answer and a spelling of it.
    pub fn answer(protocol: Protocol, choices: &mut Choices<'_>) -> Self {
        let answer = Answer::new(choices);
        let rendered = protocol.render(answer, choices);
        Self::new(protocol, rendered, choices)
    }

    /// Chooses an error that is told with status 200, and an envelope for it.
    pub fn failure(protocol: Protocol, choices: &mut Choices<'_>) -> Self {
        let rendered = Failure::new(choices).render(protocol, choices);
        Self::new(protocol, rendered, choices)
    }

    fn new(protocol: Protocol, rendered: Rendered, choices: &mut Choices<'_>) -> Self {
        let Rendered { body, content_type, expected } = rendered;
        let content_type = match choices.axis() {
            ContentType::Right => Some(content_type),
            ContentType::Missing => None,
            ContentType::Json => Some("application/json"),
            ContentType::EventStream => Some("text/event-stream"),
        };
        let cuts: Cuts = choices.axis();
        Self { protocol, content_type, pieces: cuts.apply(&body, choices), expected }
    }

    /// Decodes the body. Returns how the result differs from what the body says.
    pub fn differences(&self) -> Vec<String> {
        let mut decoder =
            self.protocol.decoder(self.content_type, self.expected.streamed != Some(false));
        let got = Outcome::read(&mut *decoder, self.pieces.iter().map(Vec::as_slice));
        self.expected.differences(&got)
    }

    /// The body, with control characters shown, and the declared content type.
    pub fn shown(&self) -> String {
        let body = self.pieces.concat();
        let body = String::from_utf8_lossy(&body).replace('\r', "␍").replace('\u{FEFF}', "<BOM>");
        format!(
            "{} ({} pieces):\n{body}",
            self.content_type.unwrap_or("no type"),
            self.pieces.len()
        )
    }
}
