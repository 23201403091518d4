use std::mem;

use super::{
    EventStreamFault, EventStreamFrame,
    prelude::{PRELUDE, Prelude},
};
use crate::wire::framed::clear;

/// The most bytes of a payload, as in AWS's SDK for Python.
const MAX_PAYLOAD: usize = 24 * 1024 * 1024;

type Each<'e> = dyn FnMut(Result<EventStreamFrame<'_>, EventStreamFault>) + 'e;

/// A decoder that splits an event stream of AWS into frames and checks them.
///
/// Both checksums of a frame are checked before any part of it is emitted. What fails is a fault, and the decoder goes on
/// with the next frame:
///
/// - If the beginning of a frame is right, so is its length, and exactly that frame is skipped.
/// - If it is not, nobody knows where the next frame begins. The bytes are searched for the next beginning, whose checksum
///   must be right. However many bytes that takes, they are one fault.
///
/// A frame that lies within one pushed slice borrows from it. At most one frame is kept, and a frame over the limit is not.
///
/// ```
/// use tower_llm_callbacks::wire::{EventStreamDecoder, EventStreamFault};
///
/// // An event `chunk` of Amazon Bedrock, with a payload.
/// let frame = b"\0\0\0\x63\0\0\0\x2a\x60\x0b\x1b\x22\x0b:event-type\x07\0\x05chunk\x0d:message-type\x07\0\x05event\
///     {\"bytes\": \"eyJnZW5lcmF0aW9uIjoiSGkifQ==\"}\x8b\xfb\xa1\x6e";
/// let mut decoder = EventStreamDecoder::new();
/// let mut seen = Vec::new();
/// for piece in frame.chunks(10) {
///     decoder.push(piece, &mut |frame| {
///         let frame = frame.unwrap();
///         seen.push((frame.name().map(str::to_owned), frame.payload.len()));
///     });
/// }
/// assert_eq!(seen, [(Some("chunk".to_owned()), 41)]);
///
/// let mut damaged = frame.to_vec();
/// damaged[60] ^= 1;
/// let mut faults = Vec::new();
/// decoder.push(&damaged, &mut |frame| faults.extend(frame.err()));
/// assert_eq!(faults, [EventStreamFault::Checksum]);
/// ```
///
/// The decoder of a format of one's own, for an API with this framing:
///
/// ```
/// use tower_llm_callbacks::{
///     Delta,
///     event::ProviderError,
///     wire::{Decoder, EventStreamDecoder, EventStreamFault, EventStreamFrame},
/// };
///
/// #[derive(Default)]
/// struct Words {
///     frames: EventStreamDecoder,
///     ended: bool,
/// }
///
/// impl Words {
///     fn read(
///         ended: &mut bool,
///         frame: Result<EventStreamFrame<'_>, EventStreamFault>,
///         each: &mut dyn FnMut(Delta<'_>),
///     ) {
///         if *ended {
///             return;
///         }
///         let delta = match &frame {
///             Err(_) => Delta::DecodeFault,
///             Ok(frame) => match (frame.message_type(), frame.name()) {
///                 (Some("event"), Some("word")) => {
///                     Delta::Text { choice: 0, text: String::from_utf8_lossy(frame.payload) }
///                 }
///                 (Some("event"), Some("end")) => Delta::Done,
///                 (Some("event"), _) => return,
///                 (_, name) => Delta::Error(ProviderError::new(name.unwrap_or("failed"))),
///             },
///         };
///         *ended = matches!(delta, Delta::Done | Delta::Error(_));
///         each(delta);
///     }
/// }
///
/// impl Decoder for Words {
///     fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Delta<'_>)) {
///         let Self { frames, ended } = self;
///         frames.push(bytes, &mut |frame| Self::read(ended, frame, each));
///     }
///
///     fn finish(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
///         let Self { frames, ended } = self;
///         frames.finish(&mut |frame| Self::read(ended, frame, each));
///     }
/// }
/// ```
#[derive(Debug)]
pub struct EventStreamDecoder {
    max_payload: usize,
    /// The frame that the last slice left unfinished.
    frame: Vec<u8>,
    /// The length at which it is known what it is: that of a frame's beginning, or of the frame.
    wanted: usize,
    /// The bytes that are left of a frame over the limit.
    skip: usize,
    /// No beginning of a frame has been found since the last fault.
    searches: bool,
}

/// What bytes begin with.
enum Begins {
    Frame(Prelude),
    /// A frame that is incomplete, or its beginning.
    Part {
        wanted: usize,
    },
    Over {
        length: usize,
    },
    Lost,
}

impl EventStreamDecoder {
    /// Creates a decoder for frames with a payload of up to 24 MiB and headers of up to 128 KiB.
    pub fn new() -> Self {
        Self::with_limit(MAX_PAYLOAD)
    }

    /// Creates a decoder for frames with a payload of up to `max_payload_bytes` bytes and headers of up to 128 KiB.
    pub fn with_limit(max_payload_bytes: usize) -> Self {
        Self {
            max_payload: max_payload_bytes,
            frame: Vec::new(),
            wanted: PRELUDE,
            skip: 0,
            searches: false,
        }
    }

    /// Decodes the next bytes and calls `each` with the frames and faults that they complete.
    pub fn push(
        &mut self,
        bytes: &[u8],
        each: &mut dyn FnMut(Result<EventStreamFrame<'_>, EventStreamFault>),
    ) {
        let mut rest = bytes;
        loop {
            let skipped = self.skip.min(rest.len());
            self.skip -= skipped;
            rest = &rest[skipped..];
            if rest.is_empty() {
                return;
            }
            if self.frame.is_empty() {
                match self.begins(rest) {
                    Begins::Frame(prelude) => {
                        self.emit(&rest[..prelude.total], prelude, each);
                        rest = &rest[prelude.total..];
                    }
                    Begins::Part { wanted } => {
                        self.wanted = wanted;
                        self.frame.extend_from_slice(rest);
                        return;
                    }
                    Begins::Over { length } => self.skip(length, each),
                    Begins::Lost => {
                        self.lose(each);
                        rest = &rest[1..];
                    }
                }
                continue;
            }
            let (more, after) = rest.split_at((self.wanted - self.frame.len()).min(rest.len()));
            self.frame.extend_from_slice(more);
            rest = after;
            if self.frame.len() < self.wanted {
                return;
            }
            match self.begins(&self.frame) {
                Begins::Frame(prelude) => {
                    let mut frame = mem::take(&mut self.frame);
                    self.emit(&frame, prelude, each);
                    clear(&mut frame);
                    self.frame = frame;
                }
                Begins::Part { wanted } => self.wanted = wanted,
                Begins::Over { length } => {
                    self.skip(length - self.frame.len(), each);
                    self.frame.clear();
                }
                Begins::Lost => {
                    self.lose(each);
                    self.frame.remove(0);
                }
            }
        }
    }

    /// Ends the stream. Calls `each` with a fault if it ended within a frame. The decoder can then decode another stream.
    pub fn finish(&mut self, each: &mut dyn FnMut(Result<EventStreamFrame<'_>, EventStreamFault>)) {
        let left = !self.frame.is_empty() && !self.searches;
        *self = Self::with_limit(self.max_payload);
        if left {
            each(Err(EventStreamFault::Cut));
        }
    }

    fn begins(&self, bytes: &[u8]) -> Begins {
        let Some(beginning) = bytes.first_chunk() else { return Begins::Part { wanted: PRELUDE } };
        match Prelude::read(beginning) {
            None => Begins::Lost,
            Some(prelude) if prelude.is_over(self.max_payload) => {
                Begins::Over { length: prelude.total }
            }
            Some(Prelude { total, .. }) if total > bytes.len() => Begins::Part { wanted: total },
            Some(prelude) => Begins::Frame(prelude),
        }
    }

    fn emit(&mut self, frame: &[u8], prelude: Prelude, each: &mut Each<'_>) {
        self.searches = false;
        each(EventStreamFrame::read(frame, prelude));
    }

    fn skip(&mut self, length: usize, each: &mut Each<'_>) {
        (self.skip, self.searches) = (length, false);
        each(Err(EventStreamFault::TooLong));
    }

    fn lose(&mut self, each: &mut Each<'_>) {
        if !mem::replace(&mut self.searches, true) {
            each(Err(EventStreamFault::Lost));
        }
    }
}

impl Default for EventStreamDecoder {
    fn default() -> Self {
        Self::new()
    }
}
