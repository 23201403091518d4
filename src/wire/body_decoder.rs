use std::fmt;

use super::{
    Decoder, NdjsonDecoder, SseDecoder,
    array::ArrayDecoder,
    framed::{EVENT_LIMIT, Framed},
    json::ReadError,
    protocol::{ArrayBody, ObjectBody, Protocol},
    whole_body::WholeBody,
};
use crate::event::Delta;

const WHOLE_LIMIT: usize = 64 * 1024 * 1024;

/// A decoder that detects the framing of a body and passes its JSON texts to a protocol.
///
/// The first byte of the body decides: providers and gateways send a JSON object although an event stream was
/// requested, and an event stream under any content type.
pub(in crate::wire) struct BodyDecoder<P> {
    framing: Framing,
    event_limit: usize,
    whole_limit: usize,
    /// The body is declared to be a single JSON text.
    declared_whole: bool,
    protocol: P,
    /// The last delta was emitted.
    ended: bool,
}

/// The framing of a body.
#[derive(Debug)]
enum Framing {
    /// Only white space or a part of a byte order mark so far.
    Unknown,
    Events(SseDecoder),
    Lines(NdjsonDecoder),
    Items(ArrayDecoder),
    Whole(WholeBody),
}

impl<P: Protocol> BodyDecoder<P> {
    pub(in crate::wire) fn new(protocol: P) -> Self {
        Self {
            framing: Framing::Unknown,
            event_limit: EVENT_LIMIT,
            whole_limit: WHOLE_LIMIT,
            declared_whole: false,
            protocol,
            ended: false,
        }
    }

    /// Like [`new`](Self::new), with a limit for events and non-streamed answers.
    pub(in crate::wire) fn with_limit(protocol: P, limit: usize) -> Self {
        Self { event_limit: limit, whole_limit: limit, ..Self::new(protocol) }
    }

    /// Like [`new`](Self::new), for a body that is declared to be a single JSON text. It is read as one unless
    /// it begins like an event stream.
    pub(in crate::wire) fn whole(protocol: P) -> Self {
        Self { declared_whole: true, ..Self::new(protocol) }
    }

    /// Detects the framing. Returns the bytes after leading white space and byte order mark, which every
    /// framing ignores.
    fn detect<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        // No line of an event stream with a known field begins with a bracket.
        let blank = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, 0xEF | 0xBB | 0xBF);
        let start = bytes.iter().position(|byte| !blank(byte)).unwrap_or(bytes.len());
        let Some(first) = bytes.get(start) else { return &[] };
        let whole = || Framing::Whole(WholeBody::with_limit(self.whole_limit));
        let limit = self.event_limit;
        self.framing = match (first, P::OBJECT, P::ARRAY) {
            // `data:`, `event:`, or a comment.
            (first, ..) if self.declared_whole && !matches!(first, b'd' | b'e' | b':') => whole(),
            (b'{', ObjectBody::Line, _) => Framing::Lines(NdjsonDecoder::with_limit(limit)),
            (b'{', ObjectBody::Whole, _) | (b'[', _, ArrayBody::Whole) => whole(),
            (b'[', _, ArrayBody::Items) => Framing::Items(ArrayDecoder::with_limit(limit)),
            _ => Framing::Events(SseDecoder::with_limit(limit)),
        };
        &bytes[start..]
    }
}

impl<P: Protocol> Decoder for BodyDecoder<P> {
    fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Delta<'_>)) {
        if self.ended {
            return;
        }
        let bytes = match self.framing {
            Framing::Unknown => self.detect(bytes),
            _ => bytes,
        };
        let Self { framing, protocol, ended, .. } = self;
        match framing {
            Framing::Unknown => {}
            Framing::Events(sse) => sse.read(bytes, &mut |it| read(protocol, ended, it, each)),
            Framing::Lines(lines) => lines.read(bytes, &mut |it| read(protocol, ended, it, each)),
            Framing::Items(items) => items.read(bytes, &mut |it| read(protocol, ended, it, each)),
            Framing::Whole(body) => {
                if !body.push(bytes) {
                    each(Delta::DecodeFault);
                }
            }
        }
    }

    fn finish(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        let Self { framing, protocol, ended, .. } = self;
        if *ended {
            return;
        }
        match framing {
            Framing::Unknown if self.declared_whole => each(Delta::DecodeFault),
            Framing::Unknown => {}
            Framing::Events(sse) => sse.end(&mut |it| read(protocol, ended, it, each)),
            Framing::Lines(lines) => lines.end(&mut |it| read(protocol, ended, it, each)),
            Framing::Items(items) => items.end(&mut |it| read(protocol, ended, it, each)),
            Framing::Whole(body) => {
                if let Some(json) = body.take() {
                    let json = json.trim_start_matches('\u{FEFF}');
                    read_json(json, ended, each, |json, each| protocol.whole(json, each));
                }
            }
        }
        if !*ended && !matches!(framing, Framing::Whole(_)) {
            protocol.eof(&mut until_end(ended, each));
        }
        *ended = true;
    }
}

fn read<P: Protocol>(
    protocol: &mut P,
    ended: &mut bool,
    framed: Framed<'_>,
    each: &mut dyn FnMut(Delta<'_>),
) {
    match framed {
        _ if *ended => {}
        Framed::Overflow => each(Delta::DecodeFault),
        Framed::Event(event) => {
            let data = event.data.trim_ascii();
            read_json(data, ended, each, |data, each| protocol.event(event.event, data, each));
        }
    }
}

/// Reads a JSON text. If that fails and the text can be repaired, reads the repaired text.
fn read_json(
    json: &str,
    ended: &mut bool,
    each: &mut dyn FnMut(Delta<'_>),
    mut protocol: impl FnMut(&str, &mut dyn FnMut(Delta<'_>)) -> Result<(), ReadError>,
) {
    let mut each = until_end(ended, each);
    if let Err(error) = protocol(json, &mut each) {
        each(Delta::DecodeFault);
        if let ReadError::Repaired(json) = error {
            // Another error in the same text is not a second fault.
            let _ = protocol(&json, &mut each);
        }
    }
}

/// Passes on deltas up to the one that ends the answer.
fn until_end<'a>(
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

impl<P> fmt::Debug for BodyDecoder<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyDecoder").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// Implements a public decoder, a newtype of `BodyDecoder`, for a protocol.
macro_rules! decoder {
    ($name:ident, $protocol:expr) => {
        impl $name {
            /// Creates a decoder for events (or lines, or array items) of up to 16 MiB and non-streamed
            /// answers of up to 64 MiB. A longer one is a [`DecodeFault`](crate::Delta::DecodeFault).
            pub fn new() -> Self {
                Self($crate::wire::body_decoder::BodyDecoder::new($protocol))
            }

            /// Creates a decoder for events and non-streamed answers of up to `max_bytes` bytes.
            pub fn with_limit(max_bytes: usize) -> Self {
                Self($crate::wire::body_decoder::BodyDecoder::with_limit($protocol, max_bytes))
            }

            /// Creates a decoder for a body that is declared to be a single JSON text. Unless the body begins
            /// like an event stream, anything but JSON is a [`DecodeFault`](crate::Delta::DecodeFault).
            pub fn whole() -> Self {
                Self($crate::wire::body_decoder::BodyDecoder::whole($protocol))
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
