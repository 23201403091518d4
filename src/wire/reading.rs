use std::fmt;

use super::{
    Decoder, NdjsonDecoder, SseDecoder,
    array::ArrayDecoder,
    json::Fault,
    protocol::{Array, Object, Protocol},
    sse::Piece,
    whole::WholeBody,
};
use crate::event::Delta;

const EVENT_LIMIT: usize = 16 * 1024 * 1024;
const WHOLE_LIMIT: usize = 64 * 1024 * 1024;

/// Reads the body of an answer: finds out how it is framed, and gives its JSON texts to a protocol.
///
/// Providers and gateways answer with a JSON object where an event stream was asked for, and with an
/// event stream under any content type: so the body's first byte decides, unless the caller knows.
pub(in crate::wire) struct Reading<P> {
    form: Form,
    event_limit: usize,
    whole_limit: usize,
    /// The body is said to be a single JSON text.
    said_whole: bool,
    protocol: P,
    /// Nothing more is to be told.
    ended: bool,
}

/// How a body is framed.
#[derive(Debug)]
enum Form {
    /// Only white space so far, or a part of a byte order mark.
    Unknown,
    Events(SseDecoder),
    Lines(NdjsonDecoder),
    Items(ArrayDecoder),
    Whole(WholeBody),
}

impl<P: Protocol> Reading<P> {
    /// Of a body whose first byte tells how it is framed.
    pub(in crate::wire) fn new(protocol: P) -> Self {
        Self {
            form: Form::Unknown,
            event_limit: EVENT_LIMIT,
            whole_limit: WHOLE_LIMIT,
            said_whole: false,
            protocol,
            ended: false,
        }
    }

    /// The same, for events, or a whole answer, of at most so many bytes.
    pub(in crate::wire) fn with_limit(protocol: P, limit: usize) -> Self {
        Self { event_limit: limit, whole_limit: limit, ..Self::new(protocol) }
    }

    /// Of a body that is said to be a single JSON text: it is taken for one unless it begins as an event
    /// stream does.
    pub(in crate::wire) fn whole(protocol: P) -> Self {
        Self { said_whole: true, ..Self::new(protocol) }
    }

    /// Gives what comes after white space and a byte order mark, which mean nothing in any form.
    fn matches<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        // No line of an event stream that means anything begins with a bracket.
        let blank = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, 0xEF | 0xBB | 0xBF);
        let start = bytes.iter().position(|byte| !blank(byte)).unwrap_or(bytes.len());
        let Some(first) = bytes.get(start) else { return &[] };
        let whole = || Form::Whole(WholeBody::with_limit(self.whole_limit));
        self.form = match (first, P::OBJECT, P::ARRAY) {
            // `data:`, `event:`, or a comment.
            (first, ..) if self.said_whole && !matches!(first, b'd' | b'e' | b':') => whole(),
            (b'{', Object::Line, _) => Form::Lines(NdjsonDecoder::with_limit(self.event_limit)),
            (b'{', Object::Whole, _) | (b'[', _, Array::Whole) => whole(),
            (b'[', _, Array::Items) => Form::Items(ArrayDecoder::with_limit(self.event_limit)),
            _ => Form::Events(SseDecoder::with_limit(self.event_limit)),
        };
        &bytes[start..]
    }
}

impl<P: Protocol> Decoder for Reading<P> {
    fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Delta<'_>)) {
        if self.ended {
            return;
        }
        let bytes = match self.form {
            Form::Unknown => self.matches(bytes),
            _ => bytes,
        };
        let Self { form, protocol, ended, .. } = self;
        match form {
            Form::Unknown => {}
            Form::Events(sse) => sse.read(bytes, &mut |it| piece(protocol, ended, it, each)),
            Form::Lines(lines) => lines.read(bytes, &mut |it| piece(protocol, ended, it, each)),
            Form::Items(items) => items.read(bytes, &mut |it| piece(protocol, ended, it, each)),
            Form::Whole(body) => {
                if !body.push(bytes) {
                    each(Delta::DecodeFault);
                }
            }
        }
    }

    fn finish(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        let Self { form, protocol, ended, .. } = self;
        if *ended {
            return;
        }
        match form {
            Form::Unknown if self.said_whole => each(Delta::DecodeFault),
            Form::Unknown => {}
            Form::Events(sse) => sse.end(&mut |it| piece(protocol, ended, it, each)),
            Form::Lines(lines) => lines.end(&mut |it| piece(protocol, ended, it, each)),
            Form::Items(items) => items.end(&mut |it| piece(protocol, ended, it, each)),
            Form::Whole(body) => {
                if let Some(json) = body.take() {
                    let json = json.trim_start_matches('\u{FEFF}');
                    read(json, ended, each, |json, each| protocol.whole(json, each));
                }
            }
        }
        if !*ended && !matches!(form, Form::Whole(_)) {
            protocol.eof(&mut guarded(ended, each));
        }
        *ended = true;
    }
}

fn piece<P: Protocol>(
    protocol: &mut P,
    ended: &mut bool,
    piece: Piece<'_>,
    each: &mut dyn FnMut(Delta<'_>),
) {
    match piece {
        _ if *ended => {}
        Piece::Overflow => each(Delta::DecodeFault),
        Piece::Event(event) => {
            let data = event.data.trim_ascii();
            read(data, ended, each, |data, each| protocol.event(event.event, data, each));
        }
    }
}

/// Reads a JSON text, if need be once more with what was wrong in it repaired.
fn read(
    json: &str,
    ended: &mut bool,
    each: &mut dyn FnMut(Delta<'_>),
    mut protocol: impl FnMut(&str, &mut dyn FnMut(Delta<'_>)) -> Result<(), Fault>,
) {
    let mut each = guarded(ended, each);
    if let Err(fault) = protocol(json, &mut each) {
        each(Delta::DecodeFault);
        if let Fault::Repaired(json) = fault {
            // What is still wrong with it is no second fault.
            let _ = protocol(&json, &mut each);
        }
    }
}

/// Nothing is told after the end.
fn guarded<'a>(
    ended: &'a mut bool,
    each: &'a mut dyn FnMut(Delta<'_>),
) -> impl FnMut(Delta<'_>) + 'a {
    move |delta| {
        if !*ended {
            *ended = matches!(delta, Delta::Done | Delta::Error(_));
            each(delta);
        }
    }
}

impl<P> fmt::Debug for Reading<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// What all public decoders over a [`Reading`] have in common: they differ in their protocol.
macro_rules! decoder {
    ($name:ident, $protocol:expr) => {
        impl $name {
            /// A decoder for events (or lines, or items of an array) of at most 16 MiB, and whole answers of
            /// at most 64 MiB; what is longer is a [`DecodeFault`](crate::Delta::DecodeFault).
            pub fn new() -> Self {
                Self($crate::wire::reading::Reading::new($protocol))
            }

            /// A decoder for events, or a whole answer, of at most so many bytes.
            pub fn with_limit(max_bytes: usize) -> Self {
                Self($crate::wire::reading::Reading::with_limit($protocol, max_bytes))
            }

            /// A decoder for a body that is said to be a single JSON text. It is taken for one unless it
            /// begins as an event stream does: what is no JSON is a
            /// [`DecodeFault`](crate::Delta::DecodeFault).
            pub fn whole() -> Self {
                Self($crate::wire::reading::Reading::whole($protocol))
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl $crate::wire::Decoder for $name {
            fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut($crate::Delta<'_>)) {
                self.0.push(bytes, each);
            }

            fn finish(&mut self, each: &mut dyn FnMut($crate::Delta<'_>)) {
                self.0.finish(each);
            }
        }
    };
}

pub(in crate::wire) use decoder;
