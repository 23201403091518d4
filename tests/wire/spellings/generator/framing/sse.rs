//! Server-sent events.

use super::{
    super::{
        choices::{Axis, Choices, Random, axis},
        writing::Writer,
    },
    Data, Event,
};

axis! {
    LineEnd { Lf, CrLf, Cr }
}

axis! {
    Comments { None, Between, Empty, Within }
}

axis! {
    /// Lines with the names of events.
    Names { AsTheProtocolHasThem, None, Message }
}

axis! {
    /// Fields that only matter to one who reconnects.
    Fields { None, Id, Retry }
}

axis! {
    DataSpace { One, None }
}

axis! {
    /// What is between two events.
    Between { BlankLine, BlankLines, NoBlankLine }
}

axis! {
    /// Events that are a JSON text on a line, without `data:`.
    Bare { None, Some }
}

axis! {
    StreamStart { Plain, ByteOrderMark, BlankLines, Comment }
}

axis! {
    StreamEnd { BlankLine, NoBlankLine, NoLineEnd }
}

struct Style {
    end: &'static str,
    comments: Comments,
    names: Names,
    fields: Fields,
    space: DataSpace,
    between: Between,
    bare: Bare,
    random: Random,
}

/// Writes events as an event stream.
pub fn event_stream(events: &[Event], writer: &mut Writer, choices: &mut Choices<'_>) -> Vec<u8> {
    let mut style = Style {
        end: match choices.axis() {
            LineEnd::Lf => "\n",
            LineEnd::CrLf => "\r\n",
            LineEnd::Cr => "\r",
        },
        comments: choices.axis(),
        names: choices.axis(),
        fields: choices.axis(),
        space: choices.axis(),
        between: choices.axis(),
        bare: choices.axis(),
        random: choices.random("events"),
    };
    let end = style.end;
    let mut out = match choices.axis() {
        StreamStart::Plain => String::new(),
        StreamStart::ByteOrderMark => "\u{FEFF}".to_owned(),
        StreamStart::BlankLines => end.repeat(2),
        StreamStart::Comment => format!(": ok{end}{end}"),
    };
    for (at, event) in events.iter().enumerate() {
        style.event(at, event, writer, &mut out);
    }
    let cut = match choices.axis() {
        StreamEnd::BlankLine => 0,
        StreamEnd::NoBlankLine => 1,
        StreamEnd::NoLineEnd => 2,
    };
    for _ in 0..cut {
        if let Some(shorter) = out.strip_suffix(end) {
            out.truncate(shorter.len());
        }
    }
    if style.between == Between::NoBlankLine && cut < 2 {
        // All of it is one event until here.
        out.push_str(end);
    }
    out.into_bytes()
}

impl Style {
    fn event(&mut self, at: usize, event: &Event, writer: &mut Writer, out: &mut String) {
        let end = self.end;
        let comment = match self.comments {
            Comments::None | Comments::Within => None,
            Comments::Between => Some(": keep-alive"),
            Comments::Empty => Some(":"),
        };
        if let Some(comment) = comment.filter(|_| self.random.one_in(2)) {
            out.push_str(comment);
            out.push_str(end);
            if self.between != Between::NoBlankLine {
                out.push_str(end);
            }
        }
        // Without blank lines a text of several lines, or names, would belong to more than one event.
        let joined = self.between == Between::NoBlankLine;
        let text = match &event.data {
            Data::Json(json) if joined => writer.line(json),
            Data::Json(json) => writer.lines(json),
            Data::Text(text) => text.clone(),
        };
        // The first line of a body tells its framing.
        if self.bare == Bare::Some && at > 0 && !joined && self.random.one_in(2) {
            match &event.data {
                Data::Json(json) => out.push_str(writer.line(json).trim()),
                Data::Text(text) => out.push_str(text),
            }
            out.push_str(end);
            out.push_str(end);
            return;
        }
        if self.fields == Fields::Id {
            out.push_str(&format!("id: {at}{end}"));
        }
        match (self.names, event.name) {
            (Names::None, _) => {}
            _ if joined => {}
            (Names::Message, None) => out.push_str(&format!("event: message{end}")),
            (_, None) => {}
            (_, Some(name)) => out.push_str(&format!("event: {name}{end}")),
        }
        if self.fields == Fields::Retry {
            out.push_str(&format!("retry: 3000{end}"));
        }
        for line in text.split('\n') {
            if self.comments == Comments::Within {
                out.push_str(&format!(":{end}"));
            }
            out.push_str(if self.space == DataSpace::One { "data: " } else { "data:" });
            out.push_str(line);
            out.push_str(end);
        }
        out.push_str(&end.repeat(match self.between {
            Between::BlankLine => 1,
            Between::BlankLines => 3,
            Between::NoBlankLine => 0,
        }));
    }
}
