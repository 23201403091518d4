use std::mem;

use memchr::memchr2;

use super::{
    SseEvent,
    event_builder::{EventBuilder, OwnedFields},
    texts::Texts,
};
use crate::wire::framed::{EVENT_LIMIT, Framed, clear};

/// Longer than the name of a field. As many bytes of a line decide what it is.
const MAX_FIELD: usize = 64;
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// A decoder that splits an event stream into events, as specified in section 9.2.6 of the WHATWG HTML
/// standard, "Interpreting an event stream".
///
/// An event whose lines lie within one pushed slice, with a single `data` line of valid UTF-8, borrows from
/// that slice without a copy or an allocation. Every byte is read once, however the bytes are split.
/// Beyond the standard:
///
/// - [`finish`](Self::finish) emits a last event that lacks its blank line;
/// - a line `error: …` is an event of type `error` (old llama.cpp servers send such lines);
/// - an event over the limit is skipped up to the next blank line and counted.
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
    /// Bytes of the byte order mark seen so far; `None` after the start of the stream.
    bom: Option<usize>,
    /// The last line ended in a carriage return: a line feed that follows belongs to that line.
    after_cr: bool,
    /// The line that the last slice left unfinished.
    line: Vec<u8>,
    kept: OwnedFields,
    skip: Skip,
    overflows: u64,
}

/// The position in an event that exceeds the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Skip {
    No,
    /// At the beginning of a line.
    Lines,
    /// Within a line, whose end is therefore not a blank line.
    WithinLine,
    /// Within a JSON text without fields, which ends with its line.
    WithinText,
}

impl SseDecoder {
    /// Creates a decoder for events of up to 16 MiB.
    pub fn new() -> Self {
        Self::with_limit(EVENT_LIMIT)
    }

    /// Creates a decoder for events of up to `max_event_bytes` bytes, counting the event's type and data and
    /// the current line.
    pub fn with_limit(max_event_bytes: usize) -> Self {
        Self {
            limit: max_event_bytes,
            bom: Some(0),
            after_cr: false,
            line: Vec::new(),
            kept: OwnedFields::default(),
            skip: Skip::No,
            overflows: 0,
        }
    }

    /// Creates a decoder that also reads the JSON texts of servers that do not keep to the standard: texts without
    /// `data:`, and events without the blank line. With `lines`, a text ends with its line.
    pub(in crate::wire) fn with_texts(max_event_bytes: usize, lines: bool) -> Self {
        let kept = OwnedFields::with_texts(Texts::new(lines));
        Self { kept, ..Self::with_limit(max_event_bytes) }
    }

    /// Takes the beginning of a body that has neither events nor JSON texts.
    pub(in crate::wire) fn take_unframed(&mut self) -> Vec<u8> {
        self.kept.texts().map(Texts::take_unframed).unwrap_or_default()
    }

    /// Decodes the next bytes and calls `each` with the events that they complete.
    pub fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(SseEvent<'_>)) {
        self.read(bytes, &mut |framed| only_events(framed, each));
    }

    /// Ends the stream and calls `each` with a last event that lacks its blank line, which is not
    /// [`complete`](SseEvent::complete). The decoder can then decode another stream.
    pub fn finish(&mut self, each: &mut dyn FnMut(SseEvent<'_>)) {
        self.end(&mut |framed| only_events(framed, each));
    }

    /// Returns the number of events skipped because they exceeded the limit.
    pub fn overflows(&self) -> u64 {
        self.overflows
    }

    pub(in crate::wire) fn read(&mut self, bytes: &[u8], each: &mut dyn FnMut(Framed<'_>)) {
        let mut rest = self.after_bom(bytes);
        let mut event = EventBuilder::new(&mut self.kept);
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
                Skip::WithinText => {
                    self.skip = Skip::No;
                    continue;
                }
            }
            let mut skip = Skip::Lines;
            let fits = if !self.line.is_empty() {
                self.line.extend_from_slice(head);
                let fits = event.transient_line(&self.line, self.limit, each);
                if !fits && event.is_text(beginning(&self.line)) {
                    skip = Skip::No;
                }
                clear(&mut self.line);
                fits
            } else if !head.is_empty() {
                let fits = event.line(head, self.limit, each);
                if !fits && event.is_text(beginning(head)) {
                    skip = Skip::No;
                }
                fits
            } else {
                event.dispatch(true, each);
                true
            };
            if !fits {
                self.skip = skip;
                self.overflows += 1;
                event.clear();
                each(Framed::Lost);
            }
        }
        if !rest.is_empty() {
            let length = self.line.len().saturating_add(rest.len());
            if self.skip == Skip::Lines {
                self.skip = Skip::WithinLine;
            } else if self.skip != Skip::No {
                // The line goes on.
                // A shorter line does not show yet what it is: it is judged by as many bytes wherever the slices end.
            } else if length >= MAX_FIELD && length.saturating_add(event.len()) > self.limit {
                let missing = MAX_FIELD.saturating_sub(self.line.len()).min(rest.len());
                self.line.extend_from_slice(&rest[..missing]);
                self.skip = match event.is_text(beginning(&self.line)) {
                    true => Skip::WithinText,
                    false => Skip::WithinLine,
                };
                self.overflows += 1;
                self.line = Vec::new();
                event.clear();
                each(Framed::Lost);
            } else {
                self.line.extend_from_slice(rest);
            }
        }
        event.keep();
    }

    pub(in crate::wire) fn end(&mut self, each: &mut dyn FnMut(Framed<'_>)) {
        let mut next = Self::with_limit(self.limit);
        next.overflows = self.overflows;
        let mut last = mem::replace(self, next);
        if last.skip == Skip::No {
            let mut event = EventBuilder::new(&mut last.kept);
            if event.transient_line(&last.line, last.limit, each) {
                event.dispatch(false, each);
            } else {
                self.overflows += 1;
                each(Framed::Lost);
            }
        }
        if let Some(texts) = last.kept.texts() {
            self.kept = OwnedFields::with_texts(mem::take(texts));
        }
    }

    /// Strips the byte order mark from the start of the stream, even if it is split across slices.
    fn after_bom<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Some(seen) = self.bom else { return bytes };
        let common = bytes.iter().zip(&BOM[seen..]).take_while(|(a, b)| a == b).count();
        if seen + common == BOM.len() {
            self.bom = None;
        } else if common == bytes.len() {
            self.bom = Some(seen + common);
        } else {
            // Not a byte order mark: the bytes seen so far begin a line.
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

fn only_events(framed: Framed<'_>, each: &mut dyn FnMut(SseEvent<'_>)) {
    if let Framed::Event(event) = framed {
        each(event);
    }
}

/// Returns the bytes of a line that decide what it is, however many have arrived.
fn beginning(line: &[u8]) -> &[u8] {
    &line[..line.len().min(MAX_FIELD)]
}
