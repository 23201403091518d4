//! One JSON array of all events, as Google sends it without `alt=sse`.

use super::{
    super::{
        choices::{Axis, Choices, axis},
        writing::Writer,
    },
    Data, Event,
};

axis! {
    Separators { GoogleStyle, Compact, LinesOfTheirOwn }
}

/// Writes events as the items of an array.
pub fn array(events: &[Event], writer: &mut Writer, choices: &mut Choices<'_>) -> Vec<u8> {
    let (start, between, end) = match choices.axis() {
        Separators::GoogleStyle => ("[", "\n,\r\n", "\n]\n"),
        Separators::Compact => ("[", ",", "]"),
        Separators::LinesOfTheirOwn => ("\n[\n", "\n,\n", "\n]"),
    };
    let items: Vec<_> = events
        .iter()
        .map(|event| match &event.data {
            Data::Json(json) => writer.lines(json),
            Data::Text(text) => panic!("an array of events cannot hold the text {text}"),
        })
        .collect();
    [start, &items.join(between), end].concat().into_bytes()
}
