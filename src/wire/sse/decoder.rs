use std::mem;

use memchr::memchr2;

use super::{
    Piece, SseEvent,
    block::{Block, Kept},
};

const DEFAULT_LIMIT: usize = 16 * 1024 * 1024;
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Splits the bytes of an event stream into events, as the WHATWG HTML standard says in section
/// 9.2.6, "Interpreting an event stream".
///
/// An event whose lines lie within one pushed slice, with a single `data` line of valid UTF-8,
/// borrows from that slice: no copy, no allocation. Every byte is looked at once, however the bytes
/// are cut. Beyond the standard:
///
/// - [`finish`](Self::finish) tells a last event that lacks its blank line;
/// - a line `error: …` is an event of the type `error` (old llama.cpp servers send such lines);
/// - an event over the limit is passed over up to the next blank line, and counted.
///
/// ```
/// use tower_llm_callbacks::wire::SseDecoder;
///
/// let mut decoder = SseDecoder::new();
/// let mut seen = Vec::new();
/// for piece in ["da", "ta: Hello\r", "\ndata: world\r\n\r\n: a comm", "ent\n"] {
///     decoder.push(piece.as_bytes(), &mut |event| seen.push(event.data.to_owned()));
/// }
/// assert_eq!(seen, ["Hello\nworld"]);
/// ```
#[derive(Debug)]
pub struct SseDecoder {
    limit: usize,
    /// Bytes of the byte order mark seen so far; none once the start of the stream is behind.
    bom: Option<usize>,
    /// The last line ended in a carriage return: a line feed that follows belongs to it.
    after_cr: bool,
    /// The line that the last slice left unfinished.
    line: Vec<u8>,
    kept: Kept,
    skip: Skip,
    overflows: u64,
}

/// Where it is in an event that is over the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Skip {
    No,
    /// At the beginning of a line.
    Lines,
    /// Within a line, so that its end makes no blank line.
    WithinLine,
}

impl SseDecoder {
    /// A decoder for events of at most 16 MiB.
    pub fn new() -> Self {
        Self::with_limit(DEFAULT_LIMIT)
    }

    /// A decoder for events of at most so many bytes. Counted are the event's type and data, and
    /// the line at hand.
    pub fn with_limit(max_event_bytes: usize) -> Self {
        Self {
            limit: max_event_bytes,
            bom: Some(0),
            after_cr: false,
            line: Vec::new(),
            kept: Kept::default(),
            skip: Skip::No,
            overflows: 0,
        }
    }

    /// Takes the next bytes, of any length, and tells the events that they complete.
    pub fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(SseEvent<'_>)) {
        self.read(bytes, &mut |piece| only_events(piece, each));
    }

    /// The stream has ended: tells a last event that lacks its blank line, as not
    /// [`complete`](SseEvent::complete). After that the decoder is ready for another stream.
    pub fn finish(&mut self, each: &mut dyn FnMut(SseEvent<'_>)) {
        self.end(&mut |piece| only_events(piece, each));
    }

    /// How many events were passed over because they were over the limit.
    pub fn overflows(&self) -> u64 {
        self.overflows
    }

    pub(in crate::wire) fn read(&mut self, bytes: &[u8], each: &mut dyn FnMut(Piece<'_>)) {
        let mut rest = self.after_bom(bytes);
        let mut block = Block::new(&mut self.kept);
        loop {
            if self.after_cr && !rest.is_empty() {
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
                self.after_cr = false;
            }
            let Some(end) = memchr2(b'\n', b'\r', rest) else { break };
            let (head, tail) = (&rest[..end], &rest[end + 1..]);
            self.after_cr = rest[end] == b'\r';
            rest = tail;
            match self.skip {
                Skip::No => {}
                Skip::Lines if head.is_empty() => {
                    self.skip = Skip::No;
                    continue;
                }
                Skip::Lines | Skip::WithinLine => {
                    self.skip = Skip::Lines;
                    continue;
                }
            }
            let fits = if !self.line.is_empty() {
                let fits = self.line.len().saturating_add(head.len()) <= self.limit && {
                    self.line.extend_from_slice(head);
                    block.passing_line(&self.line, self.limit)
                };
                self.line.clear();
                self.line.shrink_to(64 * 1024);
                fits
            } else if !head.is_empty() {
                block.line(head, self.limit)
            } else {
                block.dispatch(true, each);
                true
            };
            if !fits {
                self.skip = Skip::Lines;
                self.overflows += 1;
                block.clear();
                each(Piece::Overflow);
            }
        }
        if !rest.is_empty() {
            if self.skip != Skip::No {
                self.skip = Skip::WithinLine;
            } else if self.line.len().saturating_add(rest.len()).saturating_add(block.len())
                > self.limit
            {
                self.skip = Skip::WithinLine;
                self.overflows += 1;
                self.line = Vec::new();
                block.clear();
                each(Piece::Overflow);
            } else {
                self.line.extend_from_slice(rest);
            }
        }
        block.keep();
    }

    pub(in crate::wire) fn end(&mut self, each: &mut dyn FnMut(Piece<'_>)) {
        let mut next = Self::with_limit(self.limit);
        next.overflows = self.overflows;
        let mut last = mem::replace(self, next);
        if last.skip == Skip::No {
            let mut block = Block::new(&mut last.kept);
            if block.passing_line(&last.line, last.limit) {
                block.dispatch(false, each);
            } else {
                self.overflows += 1;
                each(Piece::Overflow);
            }
        }
    }

    /// Takes the byte order mark off the start of the stream, even one that comes in pieces.
    fn after_bom<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Some(seen) = self.bom else { return bytes };
        let common = bytes.iter().zip(&BOM[seen..]).take_while(|(a, b)| a == b).count();
        if seen + common == BOM.len() {
            self.bom = None;
        } else if common == bytes.len() {
            self.bom = Some(seen + common);
        } else {
            // It was none: what was taken for its beginning is the beginning of a line.
            self.bom = None;
            self.line.extend_from_slice(&BOM[..seen]);
            return bytes;
        }
        &bytes[common..]
    }
}

impl Default for SseDecoder {
    fn default() -> Self {
        Self::new()
    }
}

fn only_events(piece: Piece<'_>, each: &mut dyn FnMut(SseEvent<'_>)) {
    if let Piece::Event(event) = piece {
        each(event);
    }
}
