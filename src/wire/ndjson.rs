use memchr::memchr;

use super::{SseEvent, sse::Piece};

const DEFAULT_LIMIT: usize = 16 * 1024 * 1024;
/// A single huge line must not pin its memory for the rest of a long stream.
const KEPT_CAPACITY: usize = 64 * 1024;

/// Splits newline-delimited JSON into its lines: the body form of Ollama's streamed answers.
///
/// A line within one pushed slice borrows from it. Blank lines are passed over, and so is a carriage
/// return before the line feed; the last line may lack its end. What is not UTF-8 is replaced. A line
/// over the limit is passed over and counted.
///
/// ```
/// use tower_llm_callbacks::wire::NdjsonDecoder;
///
/// let mut decoder = NdjsonDecoder::new();
/// let mut seen = Vec::new();
/// for piece in ["{\"a\"", ":1}\r\n\n{}", "\n{\"b\":2}"] {
///     decoder.push(piece.as_bytes(), &mut |line| seen.push(line.to_owned()));
/// }
/// decoder.finish(&mut |line| seen.push(line.to_owned()));
/// assert_eq!(seen, ["{\"a\":1}", "{}", "{\"b\":2}"]);
/// ```
#[derive(Debug)]
pub struct NdjsonDecoder {
    limit: usize,
    line: Vec<u8>,
    /// Within a line that is over the limit.
    skipping: bool,
    overflows: u64,
}

impl NdjsonDecoder {
    /// A decoder for lines of at most 16 MiB.
    pub fn new() -> Self {
        Self::with_limit(DEFAULT_LIMIT)
    }

    /// A decoder for lines of at most so many bytes.
    pub fn with_limit(max_line_bytes: usize) -> Self {
        Self { limit: max_line_bytes, line: Vec::new(), skipping: false, overflows: 0 }
    }

    /// Takes the next bytes, of any length, and tells the lines that they complete.
    pub fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(&str)) {
        self.read(bytes, &mut |piece| only_lines(piece, each));
    }

    /// The stream has ended: tells a last line that lacks its end. After that the decoder is ready
    /// for another stream.
    pub fn finish(&mut self, each: &mut dyn FnMut(&str)) {
        self.end(&mut |piece| only_lines(piece, each));
    }

    /// How many lines were passed over because they were over the limit.
    pub fn overflows(&self) -> u64 {
        self.overflows
    }

    pub(in crate::wire) fn read(&mut self, bytes: &[u8], each: &mut dyn FnMut(Piece<'_>)) {
        let mut rest = bytes;
        while let Some(end) = memchr(b'\n', rest) {
            let (head, tail) = (&rest[..end], &rest[end + 1..]);
            rest = tail;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if self.line.len().saturating_add(head.len()) > self.limit {
                self.overflow(each);
            } else if self.line.is_empty() {
                tell(head, true, each);
            } else {
                self.line.extend_from_slice(head);
                tell(&self.line, true, each);
            }
            self.line.clear();
            self.line.shrink_to(KEPT_CAPACITY);
        }
        if rest.is_empty() || self.skipping {
            return;
        }
        if self.line.len().saturating_add(rest.len()) > self.limit {
            self.skipping = true;
            self.line = Vec::new();
            self.overflow(each);
        } else {
            self.line.extend_from_slice(rest);
        }
    }

    pub(in crate::wire) fn end(&mut self, each: &mut dyn FnMut(Piece<'_>)) {
        self.skipping = false;
        tell(&std::mem::take(&mut self.line), false, each);
    }

    fn overflow(&mut self, each: &mut dyn FnMut(Piece<'_>)) {
        self.overflows += 1;
        each(Piece::Overflow);
    }
}

impl Default for NdjsonDecoder {
    fn default() -> Self {
        Self::new()
    }
}

fn tell(line: &[u8], complete: bool, each: &mut dyn FnMut(Piece<'_>)) {
    let line = line.trim_ascii();
    if !line.is_empty() {
        let data = &*String::from_utf8_lossy(line);
        each(Piece::Event(SseEvent { event: None, data, id: None, complete }));
    }
}

fn only_lines(piece: Piece<'_>, each: &mut dyn FnMut(&str)) {
    if let Piece::Event(line) = piece {
        each(line.data);
    }
}
