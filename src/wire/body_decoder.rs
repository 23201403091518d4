use std::fmt;

use super::{
    Decoder, EventStreamDecoder, LlmHttpResponse, SseDecoder,
    array::ArrayDecoder,
    framed::EVENT_LIMIT,
    halves::Halves,
    json::unwrapped,
    native::Natives,
    protocol::{ArrayBody, ObjectBody, Protocol},
    reading::{Reading, read_json, unreadable, until_end},
    shape::Shape,
    whole_body::{Pushed, WholeBody},
};
use crate::event::Delta;

const WHOLE_LIMIT: usize = 64 * 1024 * 1024;
const FRAME_LIMIT: usize = 24 * 1024 * 1024;
/// The beginnings of an event stream, of which no JSON text has one.
const FIELDS: [&[u8]; 5] = [b":", b"data", b"event", b"id:", b"retry:"];

/// A decoder that detects the framing of a body and passes its JSON texts to a protocol.
///
/// The first bytes of the body decide: providers and gateways send a JSON object although an event stream was
/// requested, and an event stream under any content type.
pub(in crate::wire) struct BodyDecoder<P> {
    framing: Framing,
    event_limit: usize,
    frame_limit: usize,
    whole_limit: usize,
    /// The body is declared to be a single JSON text.
    declared_whole: bool,
    /// The body is declared to be an event stream of AWS.
    declared_frames: bool,
    protocol: P,
    shape: Shape,
    halves: Halves,
    pub(in crate::wire) natives: Natives,
    /// The last delta was emitted.
    ended: bool,
}

/// The framing of a body.
#[derive(Debug)]
enum Framing {
    /// Not yet known: white space, a part of a byte order mark, or the beginning of what may be a field.
    Unknown(Vec<u8>),
    Events(SseDecoder),
    Items(ArrayDecoder),
    Frames(EventStreamDecoder),
    Whole(WholeBody),
}

impl<P: Protocol> BodyDecoder<P> {
    pub(in crate::wire) fn new(protocol: P) -> Self {
        Self {
            framing: Framing::Unknown(Vec::new()),
            event_limit: EVENT_LIMIT,
            frame_limit: FRAME_LIMIT,
            whole_limit: WHOLE_LIMIT,
            declared_whole: false,
            declared_frames: false,
            protocol,
            shape: Shape::default(),
            halves: Halves::default(),
            natives: Natives::default(),
            ended: false,
        }
    }

    /// Like [`new`](Self::new), with a limit for events and non-streamed answers.
    pub(in crate::wire) fn with_limit(protocol: P, limit: usize) -> Self {
        Self { event_limit: limit, frame_limit: limit, whole_limit: limit, ..Self::new(protocol) }
    }

    /// Like [`new`](Self::new), for a body that is declared to be a single JSON text. It is read as one unless
    /// it begins like an event stream, or another text follows.
    pub(in crate::wire) fn whole(protocol: P) -> Self {
        Self { declared_whole: true, ..Self::new(protocol) }
    }

    /// Like [`new`](Self::new), for the body of a response of AWS, whose head or request says whether it is a single JSON text
    /// or an event stream of AWS. It is read as an event stream unless it begins like JSON.
    pub(in crate::wire) fn of(response: &LlmHttpResponse<'_>, protocol: P) -> Self {
        let declared_frames = match response.content_type().as_deref() {
            Some("application/vnd.amazon.eventstream") => true,
            None => response.request.is_some_and(|request| request.stream),
            Some(_) => false,
        };
        let declared_whole = !declared_frames && response.is_declared_whole();
        Self { declared_whole, declared_frames, ..Self::new(protocol) }
    }

    /// Returns the framing of a body that begins with these bytes, which are not blank; `None` if it takes more of
    /// them.
    fn detect(&self, bytes: &[u8]) -> Option<Framing> {
        let whole = || Framing::Whole(WholeBody::with_limit(self.whole_limit));
        Some(match (bytes[0], P::OBJECT, P::ARRAY) {
            (b'{', ObjectBody::Line, _) if !self.declared_whole => self.events(),
            (b'[', _, ArrayBody::Items) => {
                Framing::Items(ArrayDecoder::with_limit(self.event_limit))
            }
            (b'{' | b'[', ..) => whole(),
            // No text begins with this byte, which most lengths of frames begin with.
            (0, ..) if P::HAS_FRAMES => self.framed(),
            _ if self.declared_frames => self.framed(),
            _ if self.declared_whole => {
                let common = |field: &&[u8]| field.starts_with(bytes) && field.len() > bytes.len();
                match FIELDS.iter().any(|field| bytes.starts_with(field)) {
                    true => self.events(),
                    false if FIELDS.iter().any(common) => return None,
                    false => whole(),
                }
            }
            _ => self.events(),
        })
    }

    fn framed(&self) -> Framing {
        Framing::Frames(EventStreamDecoder::with_limit(self.frame_limit))
    }

    fn events(&self) -> Framing {
        Framing::Events(SseDecoder::with_texts(self.event_limit, P::OBJECT == ObjectBody::Line))
    }
}

impl<P: Protocol> Decoder for BodyDecoder<P> {
    fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Delta<'_>)) {
        if self.ended {
            return;
        }
        if let Framing::Unknown(begun) = &mut self.framing {
            let mut begun = std::mem::take(begun);
            begun.extend_from_slice(bytes);
            // No line of an event stream with a known field begins with a bracket, and every framing ignores leading
            // white space and a byte order mark.
            let blank =
                |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, 0xEF | 0xBB | 0xBF);
            let start = begun.iter().position(|byte| !blank(byte)).unwrap_or(begun.len());
            let begun = &begun[start..];
            match if begun.is_empty() { None } else { self.detect(begun) } {
                Some(framing) => {
                    self.framing = framing;
                    self.push(begun, each);
                }
                None => self.framing = Framing::Unknown(begun.to_vec()),
            }
            return;
        }
        let Self { framing, protocol, shape, natives, halves, ended, .. } = self;
        let mut reading = Reading { protocol, shape, natives, halves, ended };
        match framing {
            Framing::Unknown(_) => {}
            Framing::Events(sse) => {
                sse.read(bytes, &mut |it| reading.read(it, each));
            }
            Framing::Items(items) => {
                items.read(bytes, &mut |it| reading.read(it, each));
            }
            Framing::Frames(frames) => {
                frames.read(bytes, &mut |it| reading.read(it, each));
            }
            Framing::Whole(body) => match body.push(bytes) {
                Pushed::One => {}
                Pushed::Over => each(Delta::DecodeFault),
                Pushed::Several => {
                    let begun = body.take_bytes();
                    self.framing = self.events();
                    self.push(&begun, each);
                }
            },
        }
    }

    fn finish(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        let Self { framing, protocol, shape, natives, halves, ended, .. } = self;
        if *ended {
            return;
        }
        let mut reading = Reading { protocol, shape, natives, halves, ended };
        match framing {
            Framing::Unknown(begun) if !begun.is_empty() => {
                let text = String::from_utf8_lossy(begun);
                unreadable(&text, &mut until_end(reading.ended, each));
            }
            Framing::Unknown(_) if self.declared_whole => each(Delta::DecodeFault),
            Framing::Unknown(_) => {}
            Framing::Events(sse) => {
                sse.end(&mut |it| reading.read(it, each));
                reading.finish(each);
                let unframed = sse.take_unframed();
                if !unframed.is_empty() && !*reading.ended {
                    let text = String::from_utf8_lossy(&unframed);
                    unreadable(&text, &mut until_end(reading.ended, each));
                }
            }
            Framing::Items(items) => {
                items.end(&mut |it| reading.read(it, each));
                reading.finish(each);
            }
            Framing::Frames(frames) => {
                frames.end(&mut |it| reading.read(it, each));
                reading.finish(each);
            }
            Framing::Whole(body) => {
                let Reading { protocol, natives, ended, .. } = reading;
                let cut = body.is_cut();
                if let Some(json) = body.take() {
                    let json = json.trim_start_matches('\u{FEFF}');
                    let json = if P::ARRAY == ArrayBody::List { json } else { unwrapped(json) };
                    let mut pieces = natives.whole(json);
                    let mut passed = |delta: Delta<'_>| pieces.pass(delta, each);
                    let whole = read_json(json, ended, &mut passed, |json, each| {
                        protocol.whole(json, each)
                    });
                    match (whole, cut) {
                        (true, _) => {}
                        (false, true) => each(Delta::DecodeFault),
                        (false, false) => unreadable(json, &mut until_end(ended, each)),
                    }
                }
            }
        }
        let Self { framing, protocol, ended, .. } = self;
        if !*ended && !matches!(framing, Framing::Whole(_)) {
            protocol.eof(&mut until_end(ended, each));
        }
        *ended = true;
    }
}

impl<P> fmt::Debug for BodyDecoder<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyDecoder").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// Implements a public decoder, a newtype of `BodyDecoder`, for a protocol.
macro_rules! decoder {
    ($name:ident, $protocol:expr, $natives:expr) => {
        $crate::wire::body_decoder::decoder!($name, $protocol);

        impl $name {
            /// Also emits what belongs to the answer beside its content: [`Signature`](crate::Delta::Signature),
            /// [`Native`](crate::Delta::Native) and [`NextBlock`](crate::Delta::NextBlock). Without it the next request
            /// cannot repeat the answer.
            #[must_use]
            pub fn with_native(mut self) -> Self {
                self.0.natives = $crate::wire::native::Natives::of($natives);
                self
            }
        }
    };
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
