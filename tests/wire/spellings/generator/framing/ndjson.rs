//! One JSON text per line.

use super::{
    super::{
        choices::{Axis, Choices, axis},
        writing::Writer,
    },
    Data, Event,
};

axis! {
    LineEnds { Lf, CrLf, BlankLines, LastIsMissing }
}

axis! {
    LinesStart { Plain, BlankLine, ByteOrderMark }
}

/// Writes events as lines.
pub fn lines(events: &[Event], writer: &mut Writer, choices: &mut Choices<'_>) -> Vec<u8> {
    let ends: LineEnds = choices.axis();
    let mut out = match choices.axis() {
        LinesStart::Plain => String::new(),
        LinesStart::BlankLine => "\n".into(),
        LinesStart::ByteOrderMark => "\u{FEFF}".into(),
    };
    for event in events {
        match &event.data {
            Data::Json(json) => out.push_str(&writer.line(json)),
            Data::Text(text) => out.push_str(text),
        }
        out.push_str(match ends {
            LineEnds::CrLf => "\r\n",
            LineEnds::BlankLines => "\n\n",
            LineEnds::Lf | LineEnds::LastIsMissing => "\n",
        });
    }
    if ends == LineEnds::LastIsMissing {
        out.pop();
    }
    out.into_bytes()
}
